//! The measurement as a picture: the steps' times as bars, and a roofline.

use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::measure::{Measurement, Step};
use crate::failure::Failure;

const WIDTH: u32 = 960;
const BAR: i32 = 20;
const HEAD: i32 = 56;
const ROOFLINE: u32 = 460;
/// Where bars begin, past their names.
const LEFT: i32 = 190;
/// Room for the figures after the longest bar.
const RIGHT: i32 = 190;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// An SVG.
pub fn svg(measurement: &Measurement) -> Result<String, Failure> {
    let failed =
        |error: &dyn std::error::Error| Failure::run(format!("the plot could not be drawn: {error}"));
    let bars_height = (HEAD + BAR * measurement.steps.len() as i32 + 24) as u32;
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, (WIDTH, bars_height + ROOFLINE)).into_drawing_area();
        root.fill(&WHITE).map_err(|error| failed(&error))?;
        let (upper, lower) = root.split_vertically(bars_height);
        bars(&upper, measurement).map_err(|error| failed(&*error))?;
        roofline(&lower, measurement).map_err(|error| failed(&*error))?;
        root.present().map_err(|error| failed(&error))?;
    }
    Ok(text)
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

/// A bar a step, as long as its time.
fn bars(area: &Area<'_>, measurement: &Measurement) -> Drawn {
    let Measurement { steps, whole, width, height, batch, .. } = measurement;
    let by = measurement.adapter.as_ref().unwrap_or(&measurement.cpu);
    let title = format!(
        "{width}x{height}, {batch} pair{}: {:.1} ms on {by} ({})",
        if *batch == 1 { "" } else { "s" },
        whole.median_s * 1e3,
        measurement.backend
    );
    area.draw_text(&title, &("sans-serif", 18).into_font().color(&BLACK), (16, 16))?;
    let longest = steps.iter().map(|step| step.median_s).fold(f64::MIN_POSITIVE, f64::max);
    let room = f64::from(WIDTH as i32 - LEFT - RIGHT);
    let label = |to: HPos| ("sans-serif", 13).into_font().color(&BLACK).pos(Pos::new(to, VPos::Center));
    for (index, step) in steps.iter().enumerate() {
        let top = HEAD + BAR * index as i32;
        let middle = top + BAR / 2;
        let end = LEFT + (room * step.median_s / longest) as i32;
        let rectangle =
            Rectangle::new([(LEFT, top + 3), (end.max(LEFT + 1), top + BAR - 3)], colour(step).filled());
        area.draw(&rectangle)?;
        area.draw_text(&format!("{}  {}", step.name, index + 1), &label(HPos::Right), (LEFT - 8, middle))?;
        let figures = format!(
            "{:.2} ms, {:.1} %, {} GFLOP/s",
            step.median_s * 1e3,
            100.0 * step.median_s / whole.median_s,
            number(step.gflops)
        );
        area.draw_text(&figures, &label(HPos::Left), (end + 8, middle))?;
    }
    Ok(())
}

/// Operations a second over operations a byte, below what arithmetic and memory allow. A step is its number.
fn roofline(area: &Area<'_>, Measurement { steps, peak, .. }: &Measurement) -> Drawn {
    let points: Vec<(usize, &Step, f64)> = (steps.iter().enumerate())
        .filter(|(_, step)| step.bytes > 0 && step.gflops > 0.0)
        .map(|(index, step)| (index + 1, step, step.flops as f64 / step.bytes as f64))
        .collect();
    let roof = |intensity: f64| (intensity * peak.bytes_per_s / 1e9).min(peak.gflops);
    let ridge = peak.gflops * 1e9 / peak.bytes_per_s;
    let intensities = points.iter().map(|point| point.2).chain([ridge]);
    let (least, most) = intensities.fold((f64::INFINITY, 0.0f64), |(l, m), i| (l.min(i), m.max(i)));
    let lowest = points.iter().map(|point| point.1.gflops).chain([roof(least)]).fold(f64::INFINITY, f64::min);
    let highest = points.iter().map(|point| point.1.gflops).chain([peak.gflops]).fold(0.0, f64::max);
    let (x, y) = (least / 2.0..most * 2.0, lowest / 2.0..highest * 2.0);
    let mut chart = ChartBuilder::on(area)
        .caption(
            "Roofline: each step by its number, below what memory and arithmetic allow",
            ("sans-serif", 15),
        )
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(x.clone().log_scale(), y.log_scale())?;
    chart
        .configure_mesh()
        .x_desc("operations a byte")
        .y_desc("GFLOP/s")
        .light_line_style(TRANSPARENT)
        .x_label_formatter(&|value| number(*value))
        .y_label_formatter(&|value| number(*value))
        .draw()?;
    let corners = [x.start, ridge, x.end].map(|intensity| (intensity, roof(intensity)));
    chart.draw_series([PathElement::new(corners.to_vec(), BLACK.stroke_width(2))])?;
    let named = |text: String, at: (f64, f64), offset: (i32, i32)| {
        let style = ("sans-serif", 13).into_font().color(&BLACK);
        EmptyElement::at(at) + Text::new(text, offset, style)
    };
    // Half-way up the slope, as it looks on axes of powers.
    let half_way = (x.start * ridge).sqrt();
    chart.draw_series([
        named(format!("{} GFLOP/s", number(peak.gflops)), corners[1], (6, -18)),
        named(format!("{} GB/s", number(peak.bytes_per_s / 1e9)), (half_way, roof(half_way)), (-70, -18)),
    ])?;
    chart.draw_series(points.iter().map(|point| {
        EmptyElement::at((point.2, point.1.gflops)) + Circle::new((0, 0), 4, colour(point.1).filled())
    }))?;
    // Points that lie together share a label.
    let near = |a: f64, b: f64| (a / b).ln().abs() < 0.2;
    let mut labels: Vec<(String, (f64, f64))> = vec![];
    for (number, step, intensity) in points {
        match labels.iter_mut().find(|(_, (x, y))| near(*x, intensity) && near(*y, step.gflops)) {
            Some((label, _)) => *label += &format!(" {number}"),
            None => labels.push((number.to_string(), (intensity, step.gflops))),
        }
    }
    chart.draw_series(labels.into_iter().map(|(label, at)| named(label, at, (-4, 8))))?;
    Ok(())
}

/// A colour a kernel.
fn colour(step: &Step) -> RGBColor {
    match step.kernel {
        "conv3x3" => RGBColor(42, 157, 143),
        "difference" => RGBColor(231, 111, 81),
        "max_pool" => RGBColor(233, 196, 106),
        _ => RGBColor(69, 123, 157),
    }
}

/// Two digits or more.
fn number(value: f64) -> String {
    match value {
        10.0.. => format!("{value:.0}"),
        1.0.. => format!("{value:.1}").replace(".0", ""),
        _ => format!("{value:.2}").trim_end_matches('0').to_owned(),
    }
}
