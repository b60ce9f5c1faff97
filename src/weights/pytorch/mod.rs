//! PyTorch's `.pth`, in both its formats: a pickle that describes tensors, and their storages' bytes.

pub(super) mod legacy;
mod pickle;
mod state_dict;
pub(super) mod zip;
