//! A restricted unpickler: it builds numbers, text, containers and descriptions of tensors. It calls nothing: a pickle
//! that asks for anything else is refused, and so is one that asks for too much.
//!
//! Values lie in an arena and refer to each other by index, so that neither depth nor cycles cost stack, in building
//! them or in letting go of them.

use std::collections::HashMap;

use super::super::{decode::Dtype, names::printable};

/// Values of one pickle. A VGG takes some thousand, a checkpoint with its optimizer some ten thousand; each takes up to
/// a hundred bytes.
const MOST_VALUES: usize = 1 << 20;
/// Values on the stack at once, marks included: how deep containers are nested while they are built.
const DEEPEST: usize = 1 << 16;
/// Bytes of a pickle: it describes tensors and does not hold them.
pub(super) const LONGEST: u64 = 64 << 20;

/// Index of a value.
pub(super) type Id = usize;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// None, and whatever is of no use here: floats, bytes, large integers.
    Nothing,
    Bool(bool),
    Int(i64),
    Text(String),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// A module's attribute, by name only.
    Global(String),
    /// What a call would have made that is harmless and of no use: by the function's name.
    Uncalled(String),
    Storage(Storage),
    Tensor(Tensor),
}

/// A storage, whose bytes are elsewhere in the file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Storage {
    pub(super) key: String,
    pub(super) dtype: Dtype,
    /// Elements from the start of the storage called `key`, of which this may be a part.
    pub(super) start: u64,
}

/// A tensor's place in a storage, in elements.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tensor {
    pub(super) storage: Storage,
    pub(super) offset: u64,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<u64>,
}

/// What a pickle was found to hold.
#[derive(Debug)]
pub(super) struct Pickle {
    values: Vec<Value>,
    pub(super) root: Id,
    /// Bytes that it took.
    pub(super) length: usize,
}

/// Why there is no pickle.
#[derive(Debug, PartialEq)]
pub(super) enum Fault {
    /// The bytes end before it does.
    End,
    /// What was asked for and is not done.
    Refused(String),
}

impl Pickle {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Fault> {
        let mut machine =
            Machine { bytes, at: 0, values: vec![], stack: vec![], marks: vec![], memo: HashMap::new() };
        let root = machine.run()?;
        Ok(Self { values: machine.values, root, length: machine.at })
    }

    pub(super) fn get(&self, id: Id) -> &Value {
        &self.values[id]
    }

    /// Every storage's key and elements.
    pub(super) fn storages(&self) -> impl Iterator<Item = (&str, &Dtype)> {
        self.values.iter().filter_map(|value| match value {
            Value::Storage(storage) => Some((storage.key.as_str(), &storage.dtype)),
            _ => None,
        })
    }
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    values: Vec<Value>,
    stack: Vec<Id>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

type Outcome<T> = Result<T, Fault>;

fn refused<T>(what: impl Into<String>) -> Outcome<T> {
    Err(Fault::Refused(what.into()))
}

fn malformed<T>() -> Outcome<T> {
    refused("its pickle is malformed")
}

impl Machine<'_> {
    fn run(&mut self) -> Outcome<Id> {
        loop {
            let [opcode] = self.array()?;
            match opcode {
                // PROTO, FRAME
                0x80 => drop(self.array::<1>()?),
                0x95 => drop(self.array::<8>()?),
                b'.' => return self.pop(),
                b'(' => {
                    self.marks.push(self.stack.len());
                    if self.marks.len() > DEEPEST {
                        return refused("its pickle is nested too deeply");
                    }
                }
                b'0' => drop(self.pop()?),
                b'1' => drop(self.since_mark()?),
                b'2' => {
                    let top = self.pop()?;
                    self.stack.push(top);
                    self.push_id(top)?;
                }
                b'N' => self.push(Value::Nothing)?,
                0x88 => self.push(Value::Bool(true))?,
                0x89 => self.push(Value::Bool(false))?,
                b'J' => {
                    let value = i32::from_le_bytes(self.array()?);
                    self.push(Value::Int(value.into()))?;
                }
                b'K' => {
                    let [value] = self.array()?;
                    self.push(Value::Int(value.into()))?;
                }
                b'M' => {
                    let value = u16::from_le_bytes(self.array()?);
                    self.push(Value::Int(value.into()))?;
                }
                // LONG1, LONG4
                0x8a => self.long(|m| m.array().map(|[length]: [u8; 1]| length.into()))?,
                0x8b => self.long(Self::length4)?,
                // BINFLOAT
                b'G' => {
                    self.array::<8>()?;
                    self.push(Value::Nothing)?;
                }
                // SHORT_BINUNICODE, BINUNICODE, BINUNICODE8
                0x8c => self.text(Self::length1)?,
                b'X' => self.text(Self::length4)?,
                0x8d => self.text(Self::length8)?,
                // SHORT_BINSTRING and BINSTRING are Python 2's text; bytes are of no use.
                b'U' => self.text(Self::length1)?,
                b'T' => self.text(Self::length4)?,
                b'C' => self.skip(Self::length1)?,
                b'B' => self.skip(Self::length4)?,
                0x8e | 0x96 => self.skip(Self::length8)?,
                b']' | 0x8f => self.push(Value::List(vec![]))?,
                b'}' => self.push(Value::Dict(vec![]))?,
                b')' => self.push(Value::Tuple(vec![]))?,
                0x85..=0x87 => {
                    let items = self.pop_many(usize::from(opcode - 0x84))?;
                    self.push(Value::Tuple(items))?;
                }
                b't' => {
                    let items = self.since_mark()?;
                    self.push(Value::Tuple(items))?;
                }
                // LIST, FROZENSET
                b'l' | 0x91 => {
                    let items = self.since_mark()?;
                    self.push(Value::List(items))?;
                }
                b'd' => {
                    let items = pairs(self.since_mark()?)?;
                    self.push(Value::Dict(items))?;
                }
                b'a' => {
                    let item = self.pop()?;
                    self.extend_list(vec![item])?;
                }
                // APPENDS, ADDITEMS
                b'e' | 0x90 => {
                    let items = self.since_mark()?;
                    self.extend_list(items)?;
                }
                b's' => {
                    let items = self.pop_many(2)?;
                    self.extend_dict(items)?;
                }
                b'u' => {
                    let items = self.since_mark()?;
                    self.extend_dict(items)?;
                }
                b'c' => {
                    let (module, name) = (self.line()?, self.line()?);
                    self.global(&module, &name)?;
                }
                0x93 => {
                    let [module, name] = [0, 1].map(|_| self.pop());
                    // The name is on top.
                    let (name, module) = (self.as_text(module?)?, self.as_text(name?)?);
                    self.global(&module, &name)?;
                }
                // REDUCE, NEWOBJ: a function or class, and its arguments.
                b'R' | 0x81 => {
                    let (arguments, function) = (self.pop()?, self.pop()?);
                    self.call(function, arguments)?;
                }
                // BUILD: attributes of what lies below, which stays. A state dict has its versions there.
                b'b' => drop(self.pop()?),
                b'q' => {
                    let [key] = self.array()?;
                    self.remember(key.into())?;
                }
                b'r' => {
                    let key = u32::from_le_bytes(self.array()?);
                    self.remember(key)?;
                }
                0x94 => self.remember(self.memo.len() as u32)?,
                b'h' => {
                    let [key] = self.array()?;
                    self.recall(key.into())?;
                }
                b'j' => {
                    let key = u32::from_le_bytes(self.array()?);
                    self.recall(key)?;
                }
                b'Q' => {
                    let id = self.pop()?;
                    let storage = self.storage(id)?;
                    self.push(Value::Storage(storage))?;
                }
                other => {
                    return refused(format!("its pickle has the instruction {other:#04x}, which is not run"));
                }
            }
        }
    }

    fn bytes(&mut self, length: u64) -> Outcome<&[u8]> {
        let rest = &self.bytes[self.at..];
        let taken = usize::try_from(length).ok().and_then(|length| rest.get(..length)).ok_or(Fault::End)?;
        self.at += taken.len();
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Outcome<[u8; N]> {
        self.bytes(N as u64)?.first_chunk().copied().ok_or(Fault::End)
    }

    fn length1(&mut self) -> Outcome<u64> {
        self.array().map(|[length]: [u8; 1]| length.into())
    }

    fn length4(&mut self) -> Outcome<u64> {
        self.array().map(|bytes| u32::from_le_bytes(bytes).into())
    }

    fn length8(&mut self) -> Outcome<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn line(&mut self) -> Outcome<String> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|&byte| byte == b'\n').ok_or(Fault::End)?;
        let line = String::from_utf8_lossy(&rest[..length]).into_owned();
        self.at += length + 1;
        Ok(line)
    }

    fn text(&mut self, length: impl Fn(&mut Self) -> Outcome<u64>) -> Outcome<()> {
        let length = length(self)?;
        self.longest(length)?;
        let text = String::from_utf8_lossy(self.bytes(length)?).into_owned();
        self.push(Value::Text(text))
    }

    fn skip(&mut self, length: impl Fn(&mut Self) -> Outcome<u64>) -> Outcome<()> {
        let length = length(self)?;
        self.longest(length)?;
        self.bytes(length)?;
        self.push(Value::Nothing)
    }

    /// What no pickle may have is not waited for.
    fn longest(&self, length: u64) -> Outcome<()> {
        if length > LONGEST { refused(format!("its pickle has a value of {length} bytes")) } else { Ok(()) }
    }

    /// An integer of any size, least byte first; beyond 8 bytes it is of no use here.
    fn long(&mut self, length: impl Fn(&mut Self) -> Outcome<u64>) -> Outcome<()> {
        let length = length(self)?;
        self.longest(length)?;
        let bytes = self.bytes(length)?;
        let sign = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
        let mut wide = [sign; 8];
        let value = match wide.get_mut(..bytes.len()) {
            Some(low) => {
                low.copy_from_slice(bytes);
                Value::Int(i64::from_le_bytes(wide))
            }
            None => Value::Nothing,
        };
        self.push(value)
    }

    fn push(&mut self, value: Value) -> Outcome<()> {
        if self.values.len() >= MOST_VALUES {
            return refused(format!("its pickle has more than {MOST_VALUES} values"));
        }
        self.values.push(value);
        self.push_id(self.values.len() - 1)
    }

    fn push_id(&mut self, id: Id) -> Outcome<()> {
        self.stack.push(id);
        if self.stack.len() > DEEPEST { refused("its pickle is nested too deeply") } else { Ok(()) }
    }

    /// What lies on top, above the last mark.
    fn pop(&mut self) -> Outcome<Id> {
        if self.stack.len() <= self.marks.last().copied().unwrap_or(0) {
            return malformed();
        }
        self.stack.pop().map_or_else(malformed, Ok)
    }

    fn pop_many(&mut self, count: usize) -> Outcome<Vec<Id>> {
        let mut items = (0..count).map(|_| self.pop()).collect::<Outcome<Vec<_>>>()?;
        items.reverse();
        Ok(items)
    }

    fn since_mark(&mut self) -> Outcome<Vec<Id>> {
        match self.marks.pop() {
            Some(mark) if mark <= self.stack.len() => Ok(self.stack.split_off(mark)),
            _ => malformed(),
        }
    }

    /// The value on top, which stays there.
    fn top(&mut self) -> Outcome<&mut Value> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.get(floor..).and_then(<[Id]>::last) {
            Some(&id) => Ok(&mut self.values[id]),
            None => malformed(),
        }
    }

    fn extend_list(&mut self, items: Vec<Id>) -> Outcome<()> {
        match self.top()? {
            Value::List(list) => list.extend(items),
            // What a call would have made: nobody looks into it.
            Value::Uncalled(_) => {}
            _ => return malformed(),
        }
        Ok(())
    }

    fn extend_dict(&mut self, items: Vec<Id>) -> Outcome<()> {
        let items = pairs(items)?;
        match self.top()? {
            Value::Dict(dict) => dict.extend(items),
            Value::Uncalled(_) => {}
            _ => return malformed(),
        }
        Ok(())
    }

    fn remember(&mut self, key: u32) -> Outcome<()> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let Some(&id) = self.stack.get(floor..).and_then(<[Id]>::last) else { return malformed() };
        self.memo.insert(key, id);
        if self.memo.len() > MOST_VALUES { refused("its pickle remembers too much") } else { Ok(()) }
    }

    fn recall(&mut self, key: u32) -> Outcome<()> {
        match self.memo.get(&key) {
            Some(&id) => self.push_id(id),
            None => malformed(),
        }
    }

    fn global(&mut self, module: &str, name: &str) -> Outcome<()> {
        let full = format!("{module}.{name}");
        if ["torchvision.", "torch.nn.modules.", "__main__."].iter().any(|prefix| full.starts_with(prefix)) {
            return refused(format!(
                "it is a whole pickled model ({}), which only Python can build: save its state_dict() instead",
                printable(&full)
            ));
        }
        let known = CALLED.contains(&full.as_str())
            || UNCALLED.contains(&full.as_str())
            || dtype_of_storage(&full).is_some()
            || module == "torch" && TORCH_TYPES.contains(&name)
            || is_plain_type(&full);
        if !known {
            return refused(format!(
                "its pickle asks for {}, and nothing but tensors is built from one; do not load such a file in Python either",
                printable(&full)
            ));
        }
        self.push(Value::Global(full))
    }

    /// Stands for a call: of the functions that describe tensors, what they describe.
    fn call(&mut self, function: Id, arguments: Id) -> Outcome<()> {
        let Value::Global(name) = self.values[function].clone() else { return malformed() };
        let Value::Tuple(arguments) = self.values[arguments].clone() else { return malformed() };
        let value = match (name.as_str(), &arguments[..]) {
            ("collections.OrderedDict", []) => Value::Dict(vec![]),
            // As Python 2 pickled them: a list of pairs.
            ("collections.OrderedDict", [items]) => {
                let Value::List(items) = &self.values[*items] else { return malformed() };
                let pair = |&item: &Id| match &self.values[item] {
                    Value::List(pair) | Value::Tuple(pair) => match pair[..] {
                        [key, value] => Ok((key, value)),
                        _ => malformed(),
                    },
                    _ => malformed(),
                };
                Value::Dict(items.iter().map(pair).collect::<Outcome<_>>()?)
            }
            (
                "torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state",
                [data, ..],
            ) => {
                return self.push_id(*data);
            }
            (
                "torch._utils._rebuild_tensor" | "torch._utils._rebuild_tensor_v2",
                [storage, offset, shape, strides, ..],
            ) => {
                let Value::Storage(storage) = self.values[*storage].clone() else { return malformed() };
                let (offset, shape, strides) =
                    (self.as_size(*offset)?, self.as_sizes(*shape)?, self.as_sizes(*strides)?);
                if shape.len() != strides.len() {
                    return malformed();
                }
                let shape =
                    shape.into_iter().map(|side| usize::try_from(side).unwrap_or(usize::MAX)).collect();
                Value::Tensor(Tensor { storage, offset, shape, strides })
            }
            (name, _) if UNCALLED.contains(&name) || is_plain_type(name) => Value::Uncalled(name.to_owned()),
            _ => return malformed(),
        };
        self.push(value)
    }

    /// ("storage", type, key, location, elements), and in old files whether it is part of another:
    /// (key, offset, elements).
    fn storage(&self, id: Id) -> Outcome<Storage> {
        let Value::Tuple(parts) = &self.values[id] else { return malformed() };
        let [tag, kind, key, _location, _elements, rest @ ..] = &parts[..] else { return malformed() };
        let Value::Global(kind) = &self.values[*kind] else { return malformed() };
        if self.as_text(*tag)? != "storage" {
            return malformed();
        }
        let dtype = dtype_of_storage(kind).map_or_else(malformed, Ok)?;
        let start = match rest.first().map(|&view| &self.values[view]) {
            Some(Value::Tuple(view)) => match view[..] {
                [_, offset, _] => self.as_size(offset)?,
                _ => return malformed(),
            },
            _ => 0,
        };
        Ok(Storage { key: self.as_text(*key)?, dtype, start })
    }

    fn as_text(&self, id: Id) -> Outcome<String> {
        match &self.values[id] {
            Value::Text(text) => Ok(text.clone()),
            Value::Int(number) => Ok(number.to_string()),
            _ => malformed(),
        }
    }

    fn as_size(&self, id: Id) -> Outcome<u64> {
        match self.values[id] {
            Value::Int(number) => u64::try_from(number).or_else(|_| malformed()),
            _ => malformed(),
        }
    }

    fn as_sizes(&self, id: Id) -> Outcome<Vec<u64>> {
        match &self.values[id] {
            Value::Tuple(items) if items.len() <= 64 => {
                items.iter().map(|&item| self.as_size(item)).collect()
            }
            _ => malformed(),
        }
    }
}

fn is_plain_type(full: &str) -> bool {
    let name = full.strip_prefix("builtins.").or_else(|| full.strip_prefix("__builtin__."));
    name.is_some_and(|name| PLAIN_TYPES.contains(&name))
}

fn pairs(items: Vec<Id>) -> Outcome<Vec<(Id, Id)>> {
    let (pairs, rest) = items.as_chunks();
    if rest.is_empty() { Ok(pairs.iter().map(|&[key, value]| (key, value)).collect()) } else { malformed() }
}

/// Functions whose meaning is known.
const CALLED: [&str; 5] = [
    "collections.OrderedDict",
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
    "torch._utils._rebuild_tensor",
    "torch._utils._rebuild_tensor_v2",
];

/// What checkpoints have beside tensors: harmless, and of no use here.
const UNCALLED: [&str; 10] = [
    "_codecs.encode",
    "argparse.Namespace",
    "collections.Counter",
    "collections.defaultdict",
    "numpy._core.multiarray.scalar",
    "numpy.core.multiarray.scalar",
    "numpy.dtype",
    "torch.Size",
    "torch._utils._rebuild_device_tensor_from_numpy",
    "torch.device",
];

/// Python's plain types, of Python 2 and 3: a checkpoint's set is made by a call.
const PLAIN_TYPES: [&str; 9] =
    ["bool", "complex", "dict", "float", "frozenset", "int", "list", "set", "tuple"];

/// Types of elements, which are attributes of `torch`.
const TORCH_TYPES: [&str; 8] =
    ["float16", "bfloat16", "float32", "float64", "int32", "int64", "uint8", "bool"];

/// The elements of a storage by its class.
fn dtype_of_storage(class: &str) -> Option<Dtype> {
    let name =
        ["torch.cuda.", "torch.storage.", "torch."].iter().find_map(|module| class.strip_prefix(module))?;
    let other = |size| Some(Dtype::Other { name: name.trim_end_matches("Storage").to_owned().into(), size });
    match name {
        "FloatStorage" => Some(Dtype::F32),
        "DoubleStorage" => Some(Dtype::F64),
        "HalfStorage" => Some(Dtype::F16),
        "BFloat16Storage" => Some(Dtype::Bf16),
        "ComplexDoubleStorage" => other(16),
        "LongStorage" | "ComplexFloatStorage" => other(8),
        "IntStorage" | "QInt32Storage" => other(4),
        "ShortStorage" => other(2),
        "CharStorage" | "ByteStorage" | "BoolStorage" | "QInt8Storage" | "QUInt8Storage"
        | "UntypedStorage" => other(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(bytes: &[u8]) -> Value {
        let pickle = Pickle::read(bytes).unwrap();
        pickle.get(pickle.root).clone()
    }

    fn refusal(bytes: &[u8]) -> String {
        match Pickle::read(bytes).unwrap_err() {
            Fault::Refused(what) => what,
            Fault::End => "end".to_owned(),
        }
    }

    #[test]
    fn numbers_and_text() {
        assert_eq!(root(b"\x80\x02K\x07."), Value::Int(7));
        assert_eq!(root(b"M\x01\x02."), Value::Int(513));
        assert_eq!(root(b"J\xff\xff\xff\xff."), Value::Int(-1));
        assert_eq!(root(b"\x8a\x02\x00\xff."), Value::Int(-256));
        assert_eq!(root(b"\x8a\x00."), Value::Int(0));
        assert_eq!(root(b"X\x02\0\0\0ab."), Value::Text("ab".to_owned()));
        assert_eq!(root(b"\x95\x01\0\0\0\0\0\0\0\x8c\x01z."), Value::Text("z".to_owned()));
    }

    #[test]
    fn containers_refer_to_values() {
        // {"a": [1, 1]} with the 1 remembered.
        let bytes = b"}X\x01\0\0\0a](K\x01q\x05h\x05es.";
        let pickle = Pickle::read(bytes).unwrap();
        let Value::Dict(items) = pickle.get(pickle.root) else { panic!() };
        let Value::List(list) = pickle.get(items[0].1) else { panic!() };
        assert_eq!(list.iter().map(|&id| pickle.get(id)).collect::<Vec<_>>(), [&Value::Int(1); 2]);
        assert_eq!(pickle.length, bytes.len());
    }

    #[test]
    fn ordered_dicts_of_python_2_and_3() {
        let two = Pickle::read(b"ccollections\nOrderedDict\n](](U\x01aK\x01eea\x85R.");
        assert!(matches!(two, Err(Fault::Refused(_))), "a mark too many");
        for bytes in [
            &b"ccollections\nOrderedDict\n](](U\x01aK\x01ee\x85R."[..],
            b"ccollections\nOrderedDict\n)RX\x01\0\0\0aK\x01s.",
            b"ccollections\nOrderedDict\n)R(X\x01\0\0\0aK\x01u}X\x09\0\0\0_metadata}sb.",
        ] {
            let pickle = Pickle::read(bytes).unwrap();
            let Value::Dict(items) = pickle.get(pickle.root) else { panic!() };
            assert_eq!(*pickle.get(items[0].0), Value::Text("a".to_owned()));
            assert_eq!((items.len(), pickle.get(items[0].1)), (1, &Value::Int(1)));
        }
    }

    #[test]
    fn nothing_is_called() {
        assert!(refusal(b"cposix\nsystem\nX\x02\0\0\0ls\x85R.").contains("posix.system"));
        assert!(refusal(b"X\x08\0\0\0builtinsX\x04\0\0\0eval\x93.").contains("builtins.eval"));
        assert!(refusal(b"ctorchvision.models.vgg\nVGG\n.").contains("state_dict()"));
        // INST, OBJ, EXT1 and Python 0's text are not run.
        for instruction in [b'i', b'o', 0x82, b'I', b'P'] {
            assert!(refusal(&[instruction, 0, 0]).contains("is not run"));
        }
    }

    #[test]
    fn bombs_are_bounded() {
        assert!(refusal(&[b']'; 200_000]).contains("nested too deeply"));
        assert!(refusal(&[b'('; 200_000]).contains("nested too deeply"));
        assert!(refusal(&b"N0".repeat(MOST_VALUES + 1)).contains("values"));
        assert!(refusal(b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff").contains("a value of"));
        assert_eq!(refusal(b"X\xff\xff\0\0ab"), "end");
        // A list that holds itself, and one that doubles at each step.
        root(b"]q\0h\0a.");
        let mut doubling = b"K\x01".to_vec();
        (0..100_000).for_each(|_| doubling.extend(b"2\x86"));
        doubling.push(b'.');
        root(&doubling);
    }

    #[test]
    fn malformed_ones_are_errors() {
        for bytes in [
            &b"."[..],
            b"0.",
            b"t.",
            b"K\x01(.",
            b"h\x05.",
            b"K\x01K\x02a.",
            b"}K\x01u.",
            b"}(K\x01u.",
            b"q\0.",
            b"NQ.",
            b"NNR.",
        ] {
            assert!(refusal(bytes).contains("malformed"), "{bytes:?}");
        }
        assert_eq!(Pickle::read(b"").unwrap_err(), Fault::End);
    }
}
