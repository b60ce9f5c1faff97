//! Kernels that are wrong on purpose, each seen by the doctor and named.

use std::collections::HashSet;

use super::{Finding, Subject, examine, examine_some};
use crate::{Context, Error, Tuning, gpu::Gpu};

/// What is found where `from` stands as `to` in a kernel's source.
fn findings(kernel: &'static str, from: &str, to: &str, wanted: impl Fn(&Subject) -> bool) -> Vec<Finding> {
    let (_, source) = crate::gpu::shaders().find(|(name, _)| *name == kernel).unwrap();
    assert_eq!(source.matches(from).count(), 1, "'{from}' in {kernel}");
    let source = source.replace(from, to);
    let open = || {
        let mut gpu = pollster::block_on(Gpu::open(None))?;
        gpu.pipelines.replaced.insert(kernel, source.clone());
        Ok(Context::from_gpu(gpu))
    };
    examine_some(open, wanted).unwrap()
}

/// The names of what is wrong.
fn wrong(findings: &[Finding]) -> Vec<&str> {
    findings.iter().filter(|finding| !finding.is_good()).map(|finding| finding.kernel.as_str()).collect()
}

/// What is found of a kernel.
fn named<'a>(findings: &'a [Finding], kernel: &str) -> &'a Finding {
    findings.iter().find(|finding| finding.kernel == kernel).unwrap()
}

/// A kernel's subject: all stages of a tuning are one.
fn subject_of(kernel: &str) -> String {
    if kernel == "gram.sum" {
        return "gram".to_owned();
    }
    kernel.splitn(3, '.').take(2).collect::<Vec<_>>().join(".")
}

#[test]
fn nothing_is_wrong_on_the_gpu_and_on_the_cpu() {
    let gpu = examine(Context::gpu_blocking).unwrap();
    let cpu = examine(|| Ok(Context::cpu())).unwrap();
    let tunings: Vec<_> = Tuning::all().iter().map(|tuning| format!("conv3x3.{tuning}")).collect();
    let pixels = ["pixels", "pixels.difference"];
    let rest =
        ["relu", "max_pool", "max_pool.difference", "copy", "difference", "difference.map", "lpips", "gram"];
    let noted = ["relu.mask", "max_pool.routes", "pixels.gradient"];
    let gradients =
        ["relu.gradient", "max_pool.gradient", "difference.gradient", "lpips.gradient", "gram.gradient"];
    let convolved: Vec<_> = Tuning::all().iter().map(|tuning| format!("conv3x3.gradient.{tuning}")).collect();
    let of_gpu = ["source.texture", "source.buffer"]
        .into_iter()
        .chain(pixels)
        .chain(tunings.iter().map(String::as_str))
        .chain(rest)
        .chain(noted)
        .chain(convolved.iter().map(String::as_str))
        .chain(gradients)
        .chain(["sum", "total", "source.gradient"])
        .collect();
    let of_cpu = pixels.into_iter().chain(["conv3x3"]).chain(rest).chain(noted);
    let of_cpu: Vec<_> = of_cpu.chain(["conv3x3.gradient"]).chain(gradients).collect();
    for (findings, names) in [(&gpu, of_gpu), (&cpu, of_cpu)] {
        assert_eq!(wrong(findings), [""; 0], "{findings:?}");
        for (finding, name) in findings.iter().zip(&names) {
            assert_eq!(finding.kernel, *name);
            assert!(finding.largest.unwrap() <= finding.allowed, "{finding:?}");
        }
        assert!(findings.iter().skip(names.len()).all(|finding| finding.kernel.starts_with("loss")));
        // Rounding shows that there was something to compare.
        assert!(findings.iter().filter(|finding| finding.largest > Some(0.0)).count() >= 3, "{findings:?}");
    }
    assert_eq!(gpu.len(), 23 + 3 * Tuning::all().len());
    assert_eq!(cpu.len(), 21);
}

/// One tap, one operator, one element: the mistakes that one makes. Other kernels are not wrong with them; losses may
/// be, and take most of the time, so that they are left out.
#[test]
fn a_wrong_kernel_is_named() {
    let mut tried = HashSet::new();
    for (kernel, from, to) in [
        ("conv3x3.direct", "kx < 3", "kx < 2"),
        ("conv3x3.direct", "at.x >= i32(params.input.width)", "at.x > i32(params.input.width)"),
        ("conv3x3.blocked", "    s7 = add_taps(s7, r9, k2);\n", ""),
        ("conv3x3.blocked", "if channels > 2u {", "if channels > 3u {"),
        ("conv3x3.winograd.input", "(d.b - 2.5 * d.d) + d.f", "(d.b - 2.5 * d.d) - d.f"),
        (
            "conv3x3.winograd.input",
            "let last = vec2(i32(params.input.width), i32(params.input.height)) - 1",
            "let last = vec2(i32(params.input.width), i32(params.input.height)) - 2",
        ),
        ("conv3x3.winograd.products", "sum += part;", "sum = part;"),
        ("conv3x3.winograd.output", "even = b + c", "even = b - c"),
        ("conv3x3.winograd.output", "    store_pixel(values.w, at.x + 3, row);\n", ""),
        // A difference that gets the bias; its activation with a sign wrong, and as two features that are subtracted.
        ("conv3x3.direct", "if params.mode != TARGET { return 0.0; }", ""),
        ("conv3x3.direct", "if params.mode != ACTIVATED { return sum; }", "return sum;"),
        ("conv3x3.winograd.output", "-max(a, 0.0))", "max(a, 0.0))"),
        ("conv3x3.test", "d + min(a, 0.0)", "d - min(a, 0.0)"),
        ("conv3x3.blocked", "max(d + min(a, 0.0), -max(a, 0.0))", "max(a + d, 0.0) - max(a, 0.0)"),
        ("relu", "max(d + min(a, 0.0), -max(a, 0.0))", "max(a + d, 0.0) - max(a, 0.0)"),
        ("relu", "-max(a, 0.0)", "-a"),
        // Whatever reads a target's map goes through its activation.
        ("conv3x3.direct", "loaded(input[at_channel], params.input_floor)", "input[at_channel]"),
        ("conv3x3.winograd.input", "max(bitcast<i32>(x), floor)", "bitcast<i32>(x)"),
        ("max_pool", "loaded(largest, params.input_floor)", "largest"),
        ("max_pool.difference", "loaded(beside[beside_below], params.input_floor)", "beside[beside_below]"),
        (
            "difference",
            "loaded(input[start + address(element)], params.input_floor)",
            "input[start + address(element)]",
        ),
        ("difference.map", "max(bitcast<i32>(x), floor)", "bitcast<i32>(x)"),
        // Each difference has its own target.
        ("conv3x3.direct", "address(params.beside, group.z, place)", "address(params.beside, 0u, place)"),
        ("conv3x3.winograd.output", "address(params.beside, group.z", "address(params.beside, 0u"),
        ("relu", "address(params.beside, group.z", "address(params.beside, 0u"),
        ("max_pool.difference", "address(params.beside, group.z", "address(params.beside, 0u"),
        ("pixels.difference", "group.z * params.target_stride", "0u"),
        // Ties: of convolutions that break them, and of no others.
        ("max_pool.difference", "params.tied * largest", "0.0"),
        ("max_pool.difference", "params.tied * largest", "0.00001 * largest"),
        ("max_pool.difference", "of_target - largest", "of_target"),
        ("max_pool.difference", "values.y), max(values.z", "values.y), max(values.x"),
        ("max_pool.difference", "all - at_largest <=", "-1.0 >="),
        ("max_pool.difference", "min(margin, abs", "min(10.0 * margin, abs"),
        ("max_pool", "= max(max(", "= min(max("),
        ("sum", "if i < params.count {", "if i + 1 < params.count {"),
        ("sum", "outer_sum += span_sum", "outer_sum = span_sum"),
        ("sum", "sum += outer_sum", "sum = outer_sum"),
        ("difference", "magnitude = abs(difference)", "magnitude = difference"),
        ("difference", "group.z * params.stride", "0u"),
        ("difference", "if element < elements {", "if element + 1 < elements {"),
        // Criteria: where squares end, and roots.
        (
            "difference",
            "0.5 * difference * (difference / parameter)",
            "difference * (difference / parameter)",
        ),
        ("difference.map", "magnitude < parameter", "magnitude > parameter"),
        ("difference.map", "length_of(magnitude, parameter) + parameter", "length_of(magnitude, parameter)"),
        ("difference.gradient", "clamp(difference / parameter, -1.0, 1.0)", "difference / parameter"),
        ("difference.gradient", "1.0 + share * share", "1.0 + share"),
        // Vectors of channels: of both lengths the right one, the weights, the target through its activation, its own target.
        ("lpips", "* lengths.longer_by", ""),
        ("lpips", "select(both.x, both.x + both.y, lengths.is_shorter)", "both.x"),
        ("lpips", "weights[channel] *", "weights[0] *"),
        (
            "lpips",
            "loaded(beside[address(params.beside, image, place)], params.input_floor)",
            "beside[address(params.beside, image, place)]",
        ),
        ("lpips", "address(params.beside, image, place)", "address(params.beside, 0u, place)"),
        ("lpips.gradient", "- pull *", "+ pull *"),
        ("lpips.gradient", "(lengths.generated * whole)", "whole"),
        ("lpips.gradient", "params.adds != 0u", "params.adds == 2u"),
        ("gram", "0.5 * both.y", "both.y"),
        ("gram", "rows[k * FOURS + block.y]", "rows[k * FOURS + block.x]"),
        ("gram", "if position >= end {", "if position > end {"),
        ("gram.sum", "products[at + transposed]", "products[at + element]"),
        ("gram.sum", "group.z * params.chunks * elements", "0u"),
        ("gram.sum", "select(style[element]", "select(style[0]"),
        ("gram.gradient", "params.factor * sums[i][j]", "params.factor * sums[j][i]"),
        ("gram.gradient", "if first + k < channels {", "if first + k + 1 < channels {"),
        ("gram.gradient", "group.z * channels * channels", "0u"),
        ("pixels", "* params.scale[c]", "* params.scale_8bit[c]"),
        ("pixels", "16 * (channel % 2)", "16 * (1 - channel % 2)"),
        ("pixels.difference", "257u", "256u"),
        ("pixels.difference", "params.scale_16bit[c], wide", "params.scale_16bit[c], !wide"),
        ("pixels.difference", "select(255.0, 65535.0", "select(256.0, 65535.0"),
        ("difference.map", "magnitude = abs(difference)", "magnitude = difference"),
        ("difference.map", "input[address(params.input, group.z", "input[address(params.input, 0u"),
        ("copy", "= input[address(", "= 1u + input[address("),
        ("relu.mask", "max(beside[beside_at], 0.0)", "beside[beside_at]"),
        ("relu.mask", "+ input[at] > 0.0", "+ input[at] >= 0.0"),
        ("relu.mask", "min(32u, params.input.channels - first)", "min(31u, params.input.channels - first)"),
        ("relu.gradient", "(channel % 32u)", "((channel + 1u) % 32u)"),
        ("max_pool.routes", "max(b.z, b.w) > max", "max(b.z, b.w) >= max"),
        (
            "max_pool.routes",
            "select(b.y > b.x, b.w > b.z, is_below)",
            "select(b.w > b.z, b.y > b.x, is_below)",
        ),
        ("max_pool.routes", "max(bitcast<i32>(x), floor)", "bitcast<i32>(x)"),
        ("max_pool.gradient", "route == position % 2u", "route == (position + 1u) % 2u"),
        ("max_pool.gradient", "if any(window >= params.windows) {", "if any(window > params.windows) {"),
        ("difference.gradient", "sign(difference)", "difference"),
        ("difference.gradient", "params.adds != 0u", "params.adds == 2u"),
        ("pixels.gradient", "params.channel[of_picture]", "of_picture"),
        ("source.texture", "params.size.y - 1 - row", "row"),
        ("source.texture", "12.92 * light", "12.9 * light"),
        ("source.texture", "x / (1.0 + x)", "x / (1.0 + x * x)"),
        ("source.texture", "* 255.0 + 0.5", "* 255.0"),
        ("source.buffer", "16 * (at % 2)", "16 * (1 - at % 2)"),
        ("source.buffer", "2.43 * x + 0.59", "2.43 * x + 0.58"),
        ("source.buffer", "* color.gain", ""),
        ("source.buffer", "rest * background", "background"),
        ("source.buffer", "f32(255 - level)", "f32(level)"),
        ("source.buffer", "share = channel(at, 3u);", "share = channel(at, 2u);"),
        ("source.buffer", "y * params.size.x + x), params.color", "position), params.color"),
        ("source.gradient", "select(pixel.y, turned, params.mask_flip != 0)", "pixel.y"),
        ("source.gradient", "loss[1] == 0", "loss[0] != 0"),
        ("source.gradient", "params.adds != 0", "params.adds == 2"),
        ("source.gradient", "var factor = params.weight", "var factor = 1.0"),
        ("source.gradient", "output[place] = value", "output[place] = value * 1.0000002"),
        ("total", "loss.number += 1;", ""),
        ("total", "tap / 4", "0"),
        ("total", "(target_header[0] >> 8)", "(picture[0] >> 8)"),
        ("total", "= sums[thread]", "= sums[0]"),
    ] {
        let subject = subject_of(kernel);
        // Beside all others once.
        let is_first = tried.insert(subject.clone());
        let findings = findings(kernel, from, to, |other| {
            !matches!(other, Subject::Loss(_)) && (is_first || other.name() == subject)
        });
        let mut found = wrong(&findings);
        // A gradient is made by the same convolution, and what goes through a mask by another kernel first.
        let follows = |found: &str| match subject.as_str() {
            "max_pool.gradient" => found == "relu.gradient",
            // The sums of others, and the squares of matrices.
            "sum" => matches!(found, "lpips" | "gram"),
            "difference" => found == "gram",
            "gram" => found == "gram.gradient",
            subject => subject.starts_with("conv3x3.") && found.starts_with("conv3x3.gradient."),
        };
        found.retain(|found| !follows(found));
        assert_eq!(found, [subject.as_str()], "'{to}'");
        let finding = named(&findings, &subject);
        assert!(finding.largest > Some(finding.allowed), "{finding:?}");
        assert!(finding.fault.as_ref().unwrap().contains("from the twin"), "{finding:?}");
    }
}

/// What is written past an output's end is no difference from the twin, and a fault all the same.
#[test]
fn a_kernel_that_writes_too_far_is_named() {
    let findings = findings(
        "relu",
        "element < positions * output.channels",
        "element <= positions * output.channels",
        |_| true,
    );
    assert_eq!(wrong(&findings), ["relu"]);
    let relu = named(&findings, "relu");
    let fault = relu.fault.as_ref().unwrap();
    assert!(fault.contains("wrote element 1 of an output of 1"), "{fault}");
    assert_eq!(relu.largest, None);
}

/// A pipeline that the device refuses is that kernel's fault; the others are examined all the same.
#[test]
fn a_refused_kernel_is_named() {
    let findings = findings("max_pool", "max(max(", "maximum(max(", |_| true);
    // Whatever else pools has no result either.
    let losses: Vec<_> = Tuning::all().iter().map(|tuning| format!("loss.{tuning}")).collect();
    let losses = losses.iter().map(String::as_str);
    let pools = ["max_pool", "max_pool.difference", "total"];
    assert_eq!(wrong(&findings), pools.into_iter().chain(losses).collect::<Vec<_>>());
    let fault = named(&findings, "max_pool").fault.as_ref().unwrap();
    assert!(fault.contains("maximum"), "{fault}");
}

#[test]
fn what_cannot_be_opened_or_examined_is_an_error() {
    assert!(matches!(examine(|| Err(Error::NoAdapter)), Err(Error::NoAdapter)));
    assert!(matches!(examine(|| Ok(Context::twin())), Err(Error::Config(_))));
}
