//! The stack machine that a pickle is a program for, without the opcodes' power to call anything.
//!
//! Every opcode of protocols 0 to 5 is understood. Calls build what [`rebuild`](Machine::call) knows, and otherwise
//! a [`Value::Opaque`].

use std::{collections::HashMap, rc::Rc};

use super::{
    input::Input,
    storages,
    value::{Id, Pickle, Storage, Tensor, Value},
};
use crate::{error::Result, weights::decode::Dtype};

/// The most values in a pickle, on its stack and in its memo. A checkpoint's tensors take some dozens each;
/// this is more than any has, and holds what a file can make us allocate to some tens of MiB.
const MOST_VALUES: usize = 1 << 20;
/// The most opcodes, which bounds the time: a second or so.
const MOST_STEPS: usize = 1 << 24;
/// The longest text that is kept, names of tensors among them. A longer one is passed over.
const LONGEST_TEXT: u64 = 1024;
/// The most dimensions that a tensor may have. A convolution has four.
const MOST_DIMENSIONS: usize = 8;

/// The number that an old file begins with, as a pickled integer.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// Modules that no checkpoint needs, and that attacks are made of. Nothing of them would be run either: refusing
/// them is for the user to know.
const REFUSED: &[&str] = &[
    "os",
    "posix",
    "nt",
    "subprocess",
    "commands",
    "pty",
    "shutil",
    "sys",
    "socket",
    "builtins",
    "__builtin__",
    "importlib",
    "runpy",
    "types",
    "ctypes",
    "operator",
    "pickle",
    "_pickle",
    "marshal",
    "webbrowser",
    "pdb",
    "timeit",
    "asyncio",
    "multiprocessing",
    "pip",
];
/// What of them is data: a set is pickled as a call of `set`.
const HARMLESS: &[&str] = &[
    "set",
    "frozenset",
    "bytearray",
    "complex",
    "range",
    "xrange",
    "slice",
    "object",
    "bytes",
    "list",
    "dict",
    "tuple",
    "int",
    "float",
    "str",
    "bool",
    "long",
    "unicode",
    "SimpleNamespace",
];

/// Values that are all alike have one number each.
const PLAIN: Id = 0;
const FALSE: Id = 1;
const TRUE: Id = 2;

/// The values of the pickle that begins here; `input` then stands behind it.
///
/// # Errors
/// [`Error::Weights`](crate::Error::Weights) where it is broken, too large, or asks for what is refused.
pub(super) fn load(input: &mut Input<'_>) -> Result<Pickle> {
    let values = vec![Value::Plain, Value::Bool(false), Value::Bool(true)];
    let mut machine =
        Machine { input, values, stack: Vec::new(), marks: Vec::new(), memo: HashMap::new(), copied: 0 };
    let root = machine.run()?;
    Ok(Pickle { values: machine.values, root })
}

struct Machine<'a, 'b> {
    input: &'a mut Input<'b>,
    values: Vec<Value>,
    stack: Vec<Id>,
    /// The stack's heights where MARK was met.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
    /// Items that were copied from one value into another.
    copied: usize,
}

impl Machine<'_, '_> {
    fn run(&mut self) -> Result<Id> {
        for _ in 0..MOST_STEPS {
            let opcode = self.input.byte()?;
            if opcode == b'.' {
                let root = self.pop()?;
                return match self.stack.len() + self.marks.len() {
                    0 => Ok(root),
                    left => Err(self.input.broken(&format!("it ends with {left} values left over"))),
                };
            }
            self.step(opcode)?;
        }
        Err(self
            .input
            .error(&format!("the pickle has more than {MOST_STEPS} opcodes; no weights need as many")))
    }

    fn step(&mut self, opcode: u8) -> Result<()> {
        match opcode {
            // PROTO, FRAME
            0x80 => self.input.skip(1),
            0x95 => self.input.skip(8),
            // MARK, POP, POP_MARK, DUP
            b'(' => {
                self.room(self.marks.len())?;
                self.marks.push(self.stack.len());
                Ok(())
            }
            b'0' => match self.marks.last() {
                Some(&mark) if mark == self.stack.len() => {
                    self.marks.pop();
                    Ok(())
                }
                _ => self.pop().map(drop),
            },
            b'1' => self.pop_mark().map(drop),
            b'2' => {
                let top = self.top()?;
                self.push(top)
            }
            // NONE, NEWFALSE, NEWTRUE
            b'N' => self.push(PLAIN),
            0x89 => self.push(FALSE),
            0x88 => self.push(TRUE),
            // BININT, BININT1, BININT2, INT, LONG, LONG1, LONG4
            b'J' => {
                let value = i32::from_le_bytes(self.input.array()?);
                self.push_new(Value::Int(value.into()))
            }
            b'K' => {
                let value = self.input.byte()?;
                self.push_new(Value::Int(value.into()))
            }
            b'M' => {
                let value = u16::from_le_bytes(self.input.array()?);
                self.push_new(Value::Int(value.into()))
            }
            b'I' | b'L' => {
                let line = self.input.line()?;
                match (line.as_str(), line.trim_end_matches('L').parse()) {
                    ("00", _) => self.push(FALSE),
                    ("01", _) => self.push(TRUE),
                    (_, Ok(value)) => self.push_new(Value::Int(value)),
                    (_, Err(_)) => self.push(PLAIN),
                }
            }
            0x8a => {
                let length = self.input.byte()?;
                self.long(length.into())
            }
            0x8b => {
                let length = self.length4()?;
                self.long(length)
            }
            // FLOAT, BINFLOAT
            b'F' => {
                self.input.line()?;
                self.push(PLAIN)
            }
            b'G' => self.plain(8),
            // Texts: STRING, UNICODE, BINSTRING, SHORT_BINSTRING, BINUNICODE, SHORT_BINUNICODE, BINUNICODE8
            b'S' => {
                let line = self.input.line()?;
                let text = line.trim().trim_matches(['"', '\'']);
                self.push_new(Value::Text(text.into()))
            }
            b'V' => {
                let line = self.input.line()?;
                self.push_new(Value::Text(line.into()))
            }
            b'T' | b'X' => {
                let length = self.length4()?;
                self.text(length)
            }
            b'U' | 0x8c => {
                let length = self.input.byte()?;
                self.text(length.into())
            }
            0x8d => {
                let length = self.length8()?;
                self.text(length)
            }
            // BINBYTES, SHORT_BINBYTES, BINBYTES8, BYTEARRAY8
            b'B' => {
                let length = self.length4()?;
                self.plain(length)
            }
            b'C' => {
                let length = self.input.byte()?;
                self.plain(length.into())
            }
            0x8e | 0x96 => {
                let length = self.length8()?;
                self.plain(length)
            }
            // EMPTY_TUPLE, TUPLE, TUPLE1, TUPLE2, TUPLE3
            b')' => self.tuple(0),
            b't' => {
                let items = self.pop_mark()?;
                self.push_new(Value::Tuple(items.into()))
            }
            0x85..=0x87 => self.tuple(usize::from(opcode - 0x84)),
            // EMPTY_LIST, LIST, APPEND, APPENDS
            b']' => self.push_new(Value::List(Vec::new())),
            b'l' => {
                let items = self.pop_mark()?;
                self.push_new(Value::List(items))
            }
            b'a' => {
                let item = self.pop()?;
                self.append(&[item])
            }
            b'e' => {
                let items = self.pop_mark()?;
                self.append(&items)
            }
            // EMPTY_DICT, DICT, SETITEM, SETITEMS
            b'}' => self.push_new(Value::Dict(Vec::new())),
            b'd' => {
                let items = self.pop_mark()?;
                self.push_new(Value::Dict(Vec::new()))?;
                self.set_items(&items)
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set_items(&[key, value])
            }
            b'u' => {
                let items = self.pop_mark()?;
                self.set_items(&items)
            }
            // EMPTY_SET, FROZENSET, ADDITEMS
            0x8f => self.push(PLAIN),
            0x91 => {
                self.pop_mark()?;
                self.push(PLAIN)
            }
            0x90 => {
                self.pop_mark()?;
                self.top().map(drop)
            }
            // PUT, BINPUT, LONG_BINPUT, MEMOIZE
            b'p' => {
                let index = self.line_index()?;
                self.put(index)
            }
            b'q' => {
                let index = self.input.byte()?;
                self.put(index.into())
            }
            b'r' => {
                let index = u32::from_le_bytes(self.input.array()?);
                self.put(index)
            }
            0x94 => self.put(self.memo.len() as u32),
            // GET, BINGET, LONG_BINGET
            b'g' => {
                let index = self.line_index()?;
                self.memoised(index)
            }
            b'h' => {
                let index = self.input.byte()?;
                self.memoised(index.into())
            }
            b'j' => {
                let index = u32::from_le_bytes(self.input.array()?);
                self.memoised(index)
            }
            // GLOBAL, STACK_GLOBAL
            b'c' => {
                let (module, name) = (self.input.line()?, self.input.line()?);
                let global = self.global(&module, &name)?;
                self.push_new(global)
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Value::Text(name), Value::Text(module)) = (self.get(name), self.get(module)) else {
                    return Err(self.input.broken("a function's name is no text"));
                };
                let (name, module) = (name.to_string(), module.to_string());
                let global = self.global(&module, &name)?;
                self.push_new(global)
            }
            // REDUCE, NEWOBJ, NEWOBJ_EX, INST, OBJ, BUILD
            b'R' | 0x81 => {
                let (arguments, callable) = (self.pop()?, self.pop()?);
                self.call(callable, arguments)
            }
            0x92 => {
                let (_, arguments, callable) = (self.pop()?, self.pop()?, self.pop()?);
                self.call(callable, arguments)
            }
            b'i' => {
                let (module, name) = (self.input.line()?, self.input.line()?);
                self.pop_mark()?;
                match self.global(&module, &name)? {
                    Value::Global(name) => self.push_new(Value::Opaque(name)),
                    _ => self.push(PLAIN),
                }
            }
            b'o' => {
                let made = match self.pop_mark()?.first().map(|&class| self.get(class)) {
                    Some(Value::Global(name)) => Value::Opaque(Rc::clone(name)),
                    _ => Value::Plain,
                };
                self.push_new(made)
            }
            // An object's attributes, which no dict or tensor here has.
            b'b' => {
                self.pop()?;
                self.top().map(drop)
            }
            // PERSID, BINPERSID
            b'P' => {
                self.input.line()?;
                self.push(PLAIN)
            }
            b'Q' => {
                let id = self.pop()?;
                self.persistent(id)
            }
            other => Err(self.input.broken(&format!("an opcode {other:#04x}, which is not read"))),
        }
    }

    fn get(&self, id: Id) -> &Value {
        self.values.get(id as usize).unwrap_or(&Value::Plain)
    }

    /// Whether one more is allowed where there are `count`.
    fn room(&self, count: usize) -> Result<()> {
        if count < MOST_VALUES {
            return Ok(());
        }
        Err(self
            .input
            .error(&format!("the pickle has more than {MOST_VALUES} values; no weights need as many")))
    }

    fn push(&mut self, id: Id) -> Result<()> {
        self.room(self.stack.len())?;
        self.stack.push(id);
        Ok(())
    }

    fn push_new(&mut self, value: Value) -> Result<()> {
        self.room(self.values.len())?;
        self.values.push(value);
        self.push(self.values.len() as Id - 1)
    }

    fn top(&self) -> Result<Id> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.get(floor..) {
            Some([.., top]) => Ok(*top),
            _ => Err(self.input.broken("an opcode misses its operand")),
        }
    }

    fn pop(&mut self) -> Result<Id> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    /// What was pushed since the last MARK.
    fn pop_mark(&mut self) -> Result<Vec<Id>> {
        match self.marks.pop() {
            Some(mark) if mark <= self.stack.len() => Ok(self.stack.split_off(mark)),
            _ => Err(self.input.broken("an opcode misses its MARK")),
        }
    }

    fn tuple(&mut self, length: usize) -> Result<()> {
        let mut items = (0..length).map(|_| self.pop()).collect::<Result<Vec<_>>>()?;
        items.reverse();
        self.push_new(Value::Tuple(items.into()))
    }

    fn append(&mut self, items: &[Id]) -> Result<()> {
        let list = self.top()?;
        match self.values.get_mut(list as usize) {
            Some(Value::List(list)) => list.extend_from_slice(items),
            // A subclass of list.
            Some(Value::Opaque(_) | Value::Plain) => {}
            _ => return Err(self.input.broken("items are appended to what is no list")),
        }
        Ok(())
    }

    /// `items` are keys and values by turns.
    fn set_items(&mut self, items: &[Id]) -> Result<()> {
        let dict = self.top()?;
        let (pairs, rest) = items.as_chunks();
        match self.values.get_mut(dict as usize) {
            _ if !rest.is_empty() => return Err(self.input.broken("a dict's last key has no value")),
            Some(Value::Dict(dict)) => dict.extend(pairs.iter().map(|&[key, value]| (key, value))),
            // A subclass of dict.
            Some(Value::Opaque(_) | Value::Plain) => {}
            _ => return Err(self.input.broken("items are set in what is no dict")),
        }
        Ok(())
    }

    fn put(&mut self, index: u32) -> Result<()> {
        self.room(self.memo.len())?;
        let top = self.top()?;
        self.memo.insert(index, top);
        Ok(())
    }

    fn memoised(&mut self, index: u32) -> Result<()> {
        match self.memo.get(&index) {
            Some(&id) => self.push(id),
            None => Err(self.input.broken(&format!("the memo has no number {index}"))),
        }
    }

    fn line_index(&mut self) -> Result<u32> {
        let line = self.input.line()?;
        line.parse().map_err(|_| self.input.broken("a number in the memo is none"))
    }

    fn length4(&mut self) -> Result<u64> {
        Ok(u32::from_le_bytes(self.input.array()?).into())
    }

    fn length8(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.input.array()?))
    }

    fn plain(&mut self, length: u64) -> Result<()> {
        self.input.skip(length)?;
        self.push(PLAIN)
    }

    fn text(&mut self, length: u64) -> Result<()> {
        if length > LONGEST_TEXT {
            return self.plain(length);
        }
        let bytes = self.input.bytes(length)?;
        match String::from_utf8(bytes) {
            Ok(text) => self.push_new(Value::Text(text.into())),
            Err(_) => self.push(PLAIN),
        }
    }

    /// A little-endian integer in two's complement.
    fn long(&mut self, length: u64) -> Result<()> {
        if length > MAGIC.len() as u64 {
            return self.plain(length);
        }
        let bytes = self.input.bytes(length)?;
        if bytes == MAGIC {
            return self.push_new(Value::Magic);
        }
        let fill = if bytes.last().is_some_and(|last| last & 0x80 != 0) { 0xff } else { 0 };
        let mut wide = [fill; 8];
        match wide.get_mut(..bytes.len()) {
            Some(low) => {
                low.copy_from_slice(&bytes);
                self.push_new(Value::Int(i64::from_le_bytes(wide)))
            }
            None => self.push(PLAIN),
        }
    }

    /// A function or class by name, if a file may name it.
    fn global(&self, module: &str, name: &str) -> Result<Value> {
        let full = format!("{module}.{name}");
        let package = module.split('.').next().unwrap_or_default();
        if REFUSED.contains(&package) && !HARMLESS.contains(&name) {
            return Err(self.input.error(&format!(
                "the file asks to run {}, which no weights need; it was refused and nothing was run",
                crate::weights::names::printable(&full)
            )));
        }
        Ok(Value::Global(full.into()))
    }

    /// The result of a call, without calling.
    fn call(&mut self, callable: Id, arguments: Id) -> Result<()> {
        let Value::Tuple(arguments) = self.get(arguments) else {
            return Err(self.input.broken("a function's arguments are no tuple"));
        };
        let mut arguments = Rc::clone(arguments);
        let mut name = match self.get(callable) {
            Value::Global(name) | Value::Opaque(name) => Rc::clone(name),
            _ => return Err(self.input.broken("what is called is no function")),
        };
        // How a tensor with attributes is rebuilt: a function, a class, and the function's arguments.
        if *name == *"torch._tensor._rebuild_from_type_v2"
            && let [function, _, inner, ..] = *arguments
            && let (Value::Global(function), Value::Tuple(inner)) = (self.get(function), self.get(inner))
        {
            (name, arguments) = (Rc::clone(function), Rc::clone(inner));
        }
        let made = match (&*name, &*arguments) {
            ("collections.OrderedDict" | "collections.defaultdict", arguments) => {
                Value::Dict(self.pairs(arguments)?)
            }
            (
                "torch._utils._rebuild_parameter"
                | "torch._utils._rebuild_parameter_with_state"
                | "torch.nn.parameter.Parameter",
                [tensor, ..],
            ) => return self.push(*tensor),
            ("torch.Size", [sizes]) => return self.push(*sizes),
            (
                "torch._utils._rebuild_tensor" | "torch._utils._rebuild_tensor_v2",
                [storage, offset, shape, strides, more @ ..],
            ) => {
                self.check_metadata(more.get(2))?;
                self.tensor(&name, *storage, None, [*offset, *shape, *strides])
            }
            (
                "torch._utils._rebuild_tensor_v3",
                [storage, offset, shape, strides, _, _, dtype, more @ ..],
            ) => {
                self.check_metadata(more.first())?;
                self.tensor(&name, *storage, Some(*dtype), [*offset, *shape, *strides])
            }
            _ => Value::Opaque(name),
        };
        self.push_new(made)
    }

    /// The pairs that an ordered dict is made of, where they are given at once, as Python 2 does.
    fn pairs(&mut self, arguments: &[Id]) -> Result<Vec<(Id, Id)>> {
        let mut pairs = Vec::new();
        if let [list] = arguments
            && let Value::List(items) = self.get(*list)
        {
            for &item in items {
                let pair = match self.get(item) {
                    Value::List(pair) => pair.as_slice(),
                    Value::Tuple(pair) => pair,
                    _ => &[],
                };
                let [key, value] = *pair else { return Err(self.input.broken("a dict is made of no pairs")) };
                pairs.push((key, value));
            }
        }
        // One list may be copied any number of times.
        self.copied += pairs.len();
        self.room(self.copied)?;
        Ok(pairs)
    }

    /// A tensor's metadata may say that its values are not those that are stored.
    fn check_metadata(&self, metadata: Option<&Id>) -> Result<()> {
        match metadata.map(|&metadata| self.get(metadata)) {
            Some(Value::Dict(pairs)) if !pairs.is_empty() => Err(self.input.error(
                "a tensor is a view that negates or conjugates what is stored; save what its resolve_neg() and resolve_conj() give",
            )),
            _ => Ok(()),
        }
    }

    fn tensor(&self, name: &Rc<str>, storage: Id, dtype: Option<Id>, place: [Id; 3]) -> Value {
        self.try_tensor(storage, dtype, place).unwrap_or_else(|| Value::Opaque(Rc::clone(name)))
    }

    /// None where the arguments are not those that PyTorch writes.
    fn try_tensor(&self, storage: Id, dtype: Option<Id>, [offset, shape, strides]: [Id; 3]) -> Option<Value> {
        let dtype = match (dtype.map(|dtype| self.get(dtype)), self.get(storage)) {
            (None, Value::Storage(storage)) => storage.dtype.clone(),
            (Some(Value::Global(name)), Value::Storage(_)) => storages::dtype_of(name)?,
            _ => return None,
        };
        let (shape, strides) = (self.sizes(shape)?, self.sizes(strides)?);
        if shape.len() != strides.len() {
            return None;
        }
        let shape = shape.into_iter().map(usize::try_from).collect::<Result<_, _>>().ok()?;
        Some(Value::Tensor(Box::new(Tensor { storage, dtype, offset: self.size(offset)?, shape, strides })))
    }

    fn size(&self, id: Id) -> Option<u64> {
        match self.get(id) {
            Value::Int(value) => u64::try_from(*value).ok(),
            _ => None,
        }
    }

    fn sizes(&self, id: Id) -> Option<Vec<u64>> {
        match self.get(id) {
            Value::Tuple(sizes) if sizes.len() <= MOST_DIMENSIONS => {
                sizes.iter().map(|&size| self.size(size)).collect()
            }
            _ => None,
        }
    }

    /// What stands outside of the pickle: a storage, or in old files a class with its source.
    fn persistent(&mut self, id: Id) -> Result<()> {
        let Value::Tuple(id) = self.get(id) else {
            return Err(self.input.broken("a persistent id is no tuple"));
        };
        let is = |id: Id, text: &str| matches!(self.get(id), Value::Text(kind) if **kind == *text);
        match **id {
            [kind, class, ..] if is(kind, "module") => self.push(class),
            [kind, class, key, _location, _count, ref view @ ..] if is(kind, "storage") => {
                let dtype = match self.get(class) {
                    Value::Global(name) => storages::stored(name),
                    _ => None,
                };
                let view = match *view {
                    [view] => match self.get(view) {
                        Value::Tuple(view) => match **view {
                            [_key, offset, count] => self.size(offset).zip(self.size(count)),
                            _ => None,
                        },
                        _ => None,
                    },
                    _ => None,
                };
                let dtype: Dtype = dtype.ok_or_else(|| self.input.broken("a storage of no known type"))?;
                self.push_new(Value::Storage(Box::new(Storage { key, dtype, view })))
            }
            _ => Err(self.input.broken("a persistent id that is no storage's")),
        }
    }
}
