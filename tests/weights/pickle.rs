//! A writer of pickles and of the files that PyTorch keeps them in, well-formed or not.

use rawzip::{CompressionMethod, ZipArchiveWriter};

/// A pickle on its way: each method writes one value, or one opcode.
#[derive(Clone, Default)]
pub struct Pickle(pub Vec<u8>);

impl Pickle {
    pub fn new() -> Self {
        Self(b"\x80\x02".to_vec())
    }

    pub fn raw(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.extend(bytes.as_ref());
        self
    }

    pub fn text(self, text: &str) -> Self {
        self.raw(b"X").raw((text.len() as u32).to_le_bytes()).raw(text)
    }

    pub fn int(self, value: i64) -> Self {
        self.raw(b"\x8a\x08").raw(value.to_le_bytes())
    }

    pub fn ints(mut self, values: &[i64]) -> Self {
        self = self.raw(b"(");
        for &value in values {
            self = self.int(value);
        }
        self.raw(b"t")
    }

    pub fn global(self, module: &str, name: &str) -> Self {
        self.raw(format!("c{module}\n{name}\n"))
    }

    /// A storage of this class, `torch.FloatStorage` say, with what follows the count in old files.
    pub fn storage(self, class: &str, key: &str, rest: impl AsRef<[u8]>) -> Self {
        let (module, name) = class.rsplit_once('.').unwrap();
        let id = self.raw(b"(").text("storage").global(module, name).text(key).text("cuda:0").int(1);
        id.raw(rest).raw(b"tQ")
    }

    /// A tensor in the storage that was just written by `storage`.
    pub fn tensor(
        self,
        storage: impl FnOnce(Self) -> Self,
        offset: i64,
        shape: &[i64],
        strides: &[i64],
    ) -> Self {
        let open = storage(self.global("torch._utils", "_rebuild_tensor_v2").raw(b"("));
        open.int(offset).ints(shape).ints(strides).raw(b"\x89ccollections\nOrderedDict\n)RtR")
    }

    /// The usual tensor: contiguous float32.
    pub fn plain_tensor(self, key: &str, shape: &[i64]) -> Self {
        let mut strides = vec![1; shape.len()];
        for i in (1..shape.len()).rev() {
            strides[i - 1] = strides[i] * shape[i];
        }
        self.tensor(|p| p.storage("torch.FloatStorage", key, b""), 0, shape, &strides)
    }

    pub fn end(self) -> Vec<u8> {
        self.raw(b".").0
    }
}

/// An old file of this pickle, these keys and each key's storage: a count of elements and bytes.
pub fn old_file(pickle: &[u8], storages: &[(&str, u64, Vec<u8>)]) -> Vec<u8> {
    let mut file = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.".to_vec();
    file.extend(Pickle::new().raw(b"}(").text("little_endian").raw(b"\x88u.").0);
    file.extend(pickle);
    let keys = storages.iter().fold(Pickle::new().raw(b"]("), |keys, (key, ..)| keys.text(key));
    file.extend(keys.raw(b"e.").0);
    for (_, count, bytes) in storages {
        file.extend(count.to_le_bytes());
        file.extend(bytes);
    }
    file
}

/// A zip archive of these entries, stored.
pub fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut archive = ZipArchiveWriter::new(&mut file);
    for (name, bytes) in entries {
        let (mut entry, config) =
            archive.new_file(*name).compression_method(CompressionMethod::STORE).start().unwrap();
        let mut writer = config.wrap(&mut entry);
        std::io::Write::write_all(&mut writer, bytes).unwrap();
        let (_, descriptor) = writer.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap();
    file
}

/// PyTorch's archive of this pickle and these storages.
pub fn zip_file(pickle: &[u8], storages: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let names: Vec<String> = storages.iter().map(|(key, _)| format!("archive/data/{key}")).collect();
    let mut entries = vec![("archive/data.pkl", pickle), ("archive/byteorder", b"little")];
    entries.extend(names.iter().zip(storages).map(|(name, (_, bytes))| (name.as_str(), bytes.as_slice())));
    entries.push(("archive/version", b"3\n"));
    zip(&entries)
}

/// Pickles that mean harm, each with a word of what must be said of it. `marker` is a file that must not appear.
pub fn hostile(marker: &str) -> Vec<(&'static str, Vec<u8>)> {
    let touch = format!("touch {marker}");
    let call = |module: &str, name: &str, argument: &str| {
        Pickle::new().global(module, name).text(argument).raw(b"\x85R").end()
    };
    let python = format!("__import__('os').system('{touch}')");
    let repeated = |bytes: &[u8], times: usize| Pickle::new().raw(bytes.repeat(times));
    vec![
        ("os.system", call("os", "system", &touch)),
        ("posix.system", call("posix", "system", &touch)),
        ("nt.system", call("nt", "system", &touch)),
        ("subprocess.check_output", call("subprocess", "check_output", &touch)),
        ("builtins.eval", call("builtins", "eval", &python)),
        ("__builtin__.exec", call("__builtin__", "exec", &python)),
        ("builtins.getattr", call("builtins", "getattr", "system")),
        ("runpy.run_path", call("runpy", "run_path", marker)),
        ("os.path.join", call("os.path", "join", marker)),
        // Nothing is refused by name here, and yet nothing is run.
        ("evil.run", call("evil", "run", &touch)),
        ("numpy.testing.exec", call("numpy.testing", "exec", &python)),
        ("posix.system", format!("cposix\nsystem\n(S'{touch}'\ntR.").into_bytes()),
        ("posix.system", format!("(S'{touch}'\niposix\nsystem\n.").into_bytes()),
        ("os.system", Pickle::new().raw(b"(").global("os", "system").text(&touch).raw(b"o").end()),
        ("os.system", Pickle::new().text("os").text("system").raw(b"\x93").text(&touch).raw(b"\x85R").end()),
        // In a state dict, after a good tensor.
        (
            "os.system",
            Pickle::new()
                .raw(b"}(")
                .text("features.0.weight")
                .plain_tensor("0", &[64, 3, 3, 3])
                .text("x")
                .global("os", "system")
                .text(&touch)
                .raw(b"\x85Ru")
                .end(),
        ),
        // A class with a state to set, and a factory of a dict.
        (
            "os.system",
            Pickle::new().raw(b"ccollections\ndefaultdict\n").global("os", "system").raw(b"\x85R").end(),
        ),
        ("left over", repeated(b"]", 200_000).end()),
        ("left over", repeated(b"(", 200_000).raw(b"N").end()),
        ("no dict", repeated(b"]", 200_000).raw(b"a".repeat(199_999)).end()),
        ("no dict", repeated(b"(", 200_000).raw(b"t".repeat(200_000)).end()),
        ("no dict", Pickle::new().raw(b")").raw(b"\x85".repeat(500_000)).end()),
        ("values", repeated(b"]", 3_000_000).end()),
        ("values", repeated(b"(", 3_000_000).end()),
        ("values", repeated(b"N", 3_000_000).end()),
        (
            "values",
            Pickle::new()
                .raw(b"N")
                .raw(
                    (0..2_000_000_u32)
                        .flat_map(|i| [&b"r"[..], &i.to_le_bytes()].concat())
                        .collect::<Vec<_>>(),
                )
                .end(),
        ),
        ("opcodes", repeated(b"N0", 9_000_000).end()),
        // A dict in itself, by key and by value; nested dicts, each with itself below.
        ("no tensors at all", Pickle::new().raw(b"}q\0h\0h\0s").text("d").raw(b"h\0s").end()),
        ("no tensors at all", Pickle::new().raw(b"}").text("a").raw(b"}").text("a").raw(b"}ss").end()),
        // The memo, at its highest number; and one dict named a hundred thousand times.
        ("no tensors at all", Pickle::new().raw(b"}r\xff\xff\xff\xffj\xff\xff\xff\xff0").end()),
        (
            "no tensors at all",
            (0..100_000)
                .fold(Pickle::new().raw(b"}}q\0").text("a").raw(b"Ns0("), |p, i| {
                    p.text(&i.to_string()).raw(b"h\0")
                })
                .raw(b"u")
                .end(),
        ),
        // An ordered dict made of one long list, again and again.
        (
            "values",
            Pickle::new()
                .raw(b"]q\0(")
                .raw(b"NN\x86".repeat(100_000))
                .raw(b"eccollections\nOrderedDict\nq\x010")
                .raw(b"h\x01h\0\x85R0".repeat(100_000))
                .end(),
        ),
        // One tensor under more names than are listed.
        (
            "100000 tensors",
            (0..100_001)
                .fold(Pickle::new().plain_tensor("0", &[64]).raw(b"q\x000}("), |p, i| {
                    p.text(&i.to_string()).raw(b"h\0")
                })
                .raw(b"u")
                .end(),
        ),
        // Lengths that nothing has.
        ("cut short", Pickle::new().raw(b"X\xff\xff\xff\xff").end()),
        ("cut short", Pickle::new().raw(b"\x8d").raw([0xff; 8]).end()),
        ("cut short", Pickle::new().raw(b"\x8e").raw([0xff; 8]).end()),
        ("cut short", Pickle::new().raw(b"\x96\xff\xff\xff\xff\xff\xff\xff\x7f").end()),
        ("cut short", Pickle::new().raw(b"\x8b\xff\xff\xff\xff").end()),
        ("more than 1024 bytes", Pickle::new().raw(b"c").raw("a".repeat(100_000)).end()),
        // Programs that go wrong.
        ("operand", Pickle::new().end()),
        ("MARK", Pickle::new().raw(b"Nt").end()),
        ("operand", Pickle::new().raw(b"N(0R").end()),
        ("memo", Pickle::new().raw(b"h\x07").end()),
        ("no function", Pickle::new().raw(b"N)R").end()),
        ("persistent id", Pickle::new().raw(b"NQ").end()),
        ("no dict", Pickle::new().raw(b"(NN").raw(b"t").text("a").raw(b"Ns").end()),
        ("no list", Pickle::new().raw(b"}Na").end()),
        ("0x82", Pickle::new().raw(b"\x82\x01").end()),
    ]
}
