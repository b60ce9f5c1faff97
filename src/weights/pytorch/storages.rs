//! The types of PyTorch's storages and tensors.

use crate::weights::decode::Dtype;

/// The type of a storage's elements, of a class such as `torch.FloatStorage`. Wherever a storage was, its class is
/// the CPU's or CUDA's, and its bytes are the same.
pub(super) fn stored(class: &str) -> Option<Dtype> {
    let name = class.rsplit('.').next()?.strip_suffix("Storage")?;
    if !class.starts_with("torch.") {
        return None;
    }
    let other = |name: &'static str, size| Dtype::Other { name: name.into(), size };
    Some(match name {
        "Double" => Dtype::F64,
        "Float" => Dtype::F32,
        "Half" => Dtype::F16,
        "BFloat16" => Dtype::Bf16,
        "Long" => other("I64", 8),
        "Int" => other("I32", 4),
        "Short" => other("I16", 2),
        "Char" => other("I8", 1),
        "Byte" => other("U8", 1),
        "Bool" => other("BOOL", 1),
        "ComplexFloat" => other("C64", 8),
        "ComplexDouble" => other("C128", 16),
        "QInt8" => other("a quantised I8", 1),
        "QUInt8" | "QUInt4x2" | "QUInt2x4" => other("a quantised U8", 1),
        "QInt32" => other("a quantised I32", 4),
        // Elements of no type: its tensors bring their own.
        "Untyped" => other("untyped", 1),
        _ => return None,
    })
}

/// The type that PyTorch calls `torch.float32`, for tensors that bring their own.
pub(super) fn dtype_of(name: &str) -> Option<Dtype> {
    Some(match name.strip_prefix("torch.")? {
        "float64" => Dtype::F64,
        "float32" => Dtype::F32,
        "float16" => Dtype::F16,
        "bfloat16" => Dtype::Bf16,
        // The size is that of the least: nothing is read of it.
        other => Dtype::Other { name: other.to_owned().into(), size: 1 },
    })
}
