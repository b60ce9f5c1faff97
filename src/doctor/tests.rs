//! Kernels that are wrong on purpose, each seen by the doctor and named.

use super::{Finding, Subject, examine, examine_some};
use crate::{
    Context, Error,
    gpu::{Gpu, Kernel},
};

/// What is found where `from` stands as `to` in a kernel's source.
fn findings(kernel: Kernel, from: &str, to: &str, wanted: impl Fn(&Subject) -> bool) -> Vec<Finding> {
    let source = kernel.source();
    assert_eq!(source.matches(from).count(), 1, "'{from}' in {}", kernel.name());
    let source = source.replace(from, to);
    let open = || {
        let mut gpu = pollster::block_on(Gpu::open(None))?;
        gpu.replaced.insert(kernel, source.clone());
        Ok(Context::from_gpu(gpu))
    };
    examine_some(open, wanted).unwrap()
}

/// The names of what is wrong.
fn wrong(findings: &[Finding]) -> Vec<&str> {
    findings.iter().filter(|finding| !finding.is_good()).map(|finding| finding.kernel.as_str()).collect()
}

/// What is found of a kernel.
fn named(findings: &[Finding], kernel: Kernel) -> &Finding {
    findings.iter().find(|finding| finding.kernel == kernel.name()).unwrap()
}

#[test]
fn nothing_is_wrong_on_the_gpu_and_on_the_cpu() {
    let gpu = examine(Context::gpu_blocking).unwrap();
    let cpu = examine(|| Ok(Context::cpu())).unwrap();
    for (findings, names) in [
        (
            &gpu,
            &[
                "source.texture",
                "source.buffer",
                "pixels",
                "conv3x3.direct",
                "conv3x3.blocked",
                "relu",
                "max_pool",
                "copy",
                "difference",
                "sum",
                "total",
            ][..],
        ),
        (&cpu, &["pixels", "conv3x3", "relu", "max_pool", "copy", "difference"]),
    ] {
        assert_eq!(wrong(findings), [""; 0], "{findings:?}");
        for (finding, name) in findings.iter().zip(names) {
            assert_eq!(finding.kernel, *name);
            assert!(finding.largest.unwrap() <= finding.allowed, "{finding:?}");
        }
        assert!(findings.iter().skip(names.len()).all(|finding| finding.kernel.starts_with("loss")));
        // Rounding shows that there was something to compare.
        assert!(findings.iter().filter(|finding| finding.largest > Some(0.0)).count() >= 3, "{findings:?}");
    }
    assert_eq!(gpu.len(), 13);
    assert_eq!(cpu.len(), 7);
}

/// One tap, one operator, one element: the mistakes that one makes. Other kernels are not wrong with them; losses may be,
/// and take most of the time, so that they are left out.
#[test]
fn a_wrong_kernel_is_named() {
    for (kernel, from, to) in [
        (Kernel::Conv3x3Direct, "kx < 3", "kx < 2"),
        (Kernel::Conv3x3Direct, "at.x >= i32(params.input.width)", "at.x > i32(params.input.width)"),
        (Kernel::Conv3x3Blocked, "    s7 = add_taps(s7, r9, k2);\n", ""),
        (Kernel::Conv3x3Blocked, "if channels > 2u {", "if channels > 3u {"),
        (Kernel::MaxPool, "= max(max(", "= min(max("),
        (Kernel::Sum, "if i < params.count {", "if i + 1 < params.count {"),
        (Kernel::Sum, "outer_sum += span_sum", "outer_sum = span_sum"),
        (Kernel::Sum, "sum += outer_sum", "sum = outer_sum"),
        (Kernel::Difference, "abs(difference)", "difference"),
        (Kernel::Difference, "if element < elements {", "if element + 1 < elements {"),
        (Kernel::Pixels, "* params.scale[c]", "* params.scale_8bit[c]"),
        (Kernel::Relu, "max(input[source], 0.0)", "abs(input[source])"),
        (Kernel::Copy, "= input[source];", "= -input[source];"),
        (Kernel::SourceTexture, "params.size.y - 1 - row", "row"),
        (Kernel::SourceTexture, "12.92 * light", "12.9 * light"),
        (Kernel::SourceTexture, "x / (1.0 + x)", "x / (1.0 + x * x)"),
        (Kernel::SourceTexture, "* 255.0 + 0.5", "* 255.0"),
        (Kernel::SourceBuffer, "16 * (at % 2)", "16 * (1 - at % 2)"),
        (Kernel::SourceBuffer, "2.43 * x + 0.59", "2.43 * x + 0.58"),
        (Kernel::SourceBuffer, "* color.gain", ""),
        (Kernel::Total, "loss.number += 1;", ""),
        (Kernel::Total, "tap / 4", "0"),
        (Kernel::Total, "(target_header[0] >> 8)", "(picture[0] >> 8)"),
        (Kernel::Total, "= sums[lane]", "= sums[0]"),
    ] {
        let findings = findings(kernel, from, to, |subject| !matches!(subject, Subject::Loss(_)));
        let found = wrong(&findings);
        assert_eq!(found, [kernel.name()], "'{to}'");
        let finding = named(&findings, kernel);
        assert!(finding.largest > Some(finding.allowed), "{finding:?}");
        assert!(finding.fault.as_ref().unwrap().contains("from the twin"), "{finding:?}");
    }
}

/// What is written past an output's end is no difference from the twin, and a fault all the same.
#[test]
fn a_kernel_that_writes_too_far_is_named() {
    let findings = findings(
        Kernel::Relu,
        "element >= positions * params.output.channels",
        "element > positions * params.output.channels",
        |_| true,
    );
    assert_eq!(wrong(&findings), ["relu"]);
    let relu = named(&findings, Kernel::Relu);
    let fault = relu.fault.as_ref().unwrap();
    assert!(fault.contains("wrote element 1 of an output of 1"), "{fault}");
    assert_eq!(relu.largest, None);
}

/// A pipeline that the device refuses is that kernel's fault; the others are examined all the same.
#[test]
fn a_refused_kernel_is_named() {
    let findings = findings(Kernel::MaxPool, "max(max(", "maximum(max(", |_| true);
    // Whatever else pools has no result either.
    assert_eq!(wrong(&findings), ["max_pool", "total", "loss.direct", "loss.blocked"]);
    let fault = named(&findings, Kernel::MaxPool).fault.as_ref().unwrap();
    assert!(fault.contains("maximum"), "{fault}");
}

#[test]
fn what_cannot_be_opened_or_examined_is_an_error() {
    assert!(matches!(examine(|| Err(Error::NoAdapter)), Err(Error::NoAdapter)));
    assert!(matches!(examine(|| Ok(Context::twin())), Err(Error::Config(_))));
}
