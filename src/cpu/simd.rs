//! Which vector instructions the fast executor runs with.

use std::{env, sync::OnceLock};

use pulp::{Arch, Simd, WithSimd};

/// The variable that names others than the best there are: `avx512`, `avx2`, or `none`. For tests of each.
pub(super) const VARIABLE: &str = "PERCEPTUAL_LOSS_SIMD";

/// The best that this processor has, or those that the variable names, where it has them.
pub(super) fn arch() -> Arch {
    static ARCH: OnceLock<Arch> = OnceLock::new();
    *ARCH.get_or_init(|| {
        let Ok(name) = env::var(VARIABLE) else { return Arch::new() };
        named(&name).unwrap_or_else(|| {
            tracing::warn!("{VARIABLE} is {name}, which this processor has not or nobody knows: avx512, avx2 and none are known");
            Arch::new()
        })
    })
}

fn named(name: &str) -> Option<Arch> {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    match name {
        "avx512" => return pulp::x86::V4::try_new().map(Arch::V4),
        "avx2" => return pulp::x86::V3::try_new().map(Arch::V3),
        _ => {}
    }
    (name == "none").then_some(Arch::Scalar)
}

/// Values that a vector register holds.
pub(super) fn lanes() -> usize {
    arch().dispatch(Lanes)
}

struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F32_LANES
    }
}

/// A function whose body, with all that is inlined there, is compiled for the registers that there are. A closure that is handed to
/// [`arch`]'s `dispatch` need not be: the compiler may leave it a function by itself, for the least registers that any processor has.
macro_rules! vectorized {
    ($(#[$attribute:meta])* fn $name:ident<$life:lifetime>($($argument:ident: $type:ty),* $(,)?) $(-> $output:ty)? $body:block) => {
        $(#[$attribute])*
        fn $name<$life>($($argument: $type),*) $(-> $output)? {
            struct Body<$life> {
                $($argument: $type),*
            }

            impl<$life> pulp::WithSimd for Body<$life> {
                type Output = $crate::cpu::simd::vectorized!(@output $($output)?);

                #[inline(always)]
                fn with_simd<S: pulp::Simd>(self, _: S) -> Self::Output {
                    let Self { $($argument),* } = self;
                    $body
                }
            }

            $crate::cpu::simd::arch().dispatch(Body { $($argument),* })
        }
    };
    (@output) => { () };
    (@output $output:ty) => { $output };
}
pub(super) use vectorized;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_of_registers_of_their_width() {
        for (name, width) in [("avx512", 16), ("avx2", 8), ("none", 1)] {
            // Not every processor has them all.
            if let Some(arch) = named(name) {
                assert_eq!(arch.dispatch(Lanes), width, "{name}");
            }
        }
        assert!(named("none").is_some() && named("sse9").is_none());
    }
}
