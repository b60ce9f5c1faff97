//! PyTorch's files, of which nothing is executed.
//!
//! Both formats are pickles beside the tensors' bytes. Pickle is a language whose programs may call any function
//! that Python can import; [`machine`] runs none of them. It knows a few by name and builds what they would (an
//! ordered dict, a tensor's place in its storage) and puts a mark for what any other would have made. So a
//! checkpoint's epochs, options and optimiser do no harm, and a tensor that only Python could make is missed where
//! it is needed. What has no business in a checkpoint at all (`os.system`, `eval`) is refused on sight, so that
//! somebody hears of it.

mod input;
pub(super) mod legacy;
mod machine;
mod state;
mod storages;
mod value;
pub(super) mod zip;
