//! Reports as comma-separated values, quoted as RFC 4180 says. A row is a line, since names are escaped.

use std::borrow::Cow;

use perceptual_loss::{LayerReport, Preset, UsedTunings, low_level::shown::escaped};

use super::line::Line;
use crate::{failure::Failure, json};

/// A row of names, and a row a report. Reports of one run have the same layers.
pub fn encode(lines: &[Line]) -> Result<String, Failure> {
    let rows = lines.iter().map(columns).collect::<Result<Vec<_>, _>>()?;
    let names = rows.first().map(|row| row.iter().map(|(name, _)| name.as_ref()).collect());
    let values = rows.iter().map(|row| row.iter().map(|(_, value)| value.as_str()).collect());
    Ok(names.into_iter().chain(values).map(row).collect())
}

/// What is looked at first comes first.
fn columns(line: &Line) -> Result<Vec<(Cow<'static, str>, String)>, Failure> {
    let Line { report, generated, target, style, pictures } = line;
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let name = |name: &str| escaped(name).into_owned();
    let criterion = report.criterion();
    let tap = |layer: &LayerReport| match criterion {
        Some(_) => format!("{}={}", layer.name, layer.weight),
        None => format!("{}={}:{}", layer.name, layer.weight, layer.criterion),
    };
    let taps: Vec<_> = report.layers.iter().map(tap).collect();
    // A layer may be compared by several criteria.
    let column = |layer: &LayerReport| match criterion {
        Some(_) => layer.name.into(),
        None => format!("{}:{}", layer.name, layer.criterion).into(),
    };
    let pictures = match pictures.is_plain() {
        true => String::new(),
        false => json::object(pictures)?,
    };
    let mut columns = vec![("generated".into(), name(generated)), ("target".into(), name(target))];
    columns.extend(style.as_deref().map(|style| ("style".into(), name(style))));
    columns.push(("total".into(), report.total.to_string()));
    columns.extend(report.layers.iter().map(|layer| (column(layer), layer.loss.to_string())));
    let rest = [
        ("width", report.width.to_string()),
        ("height", report.height.to_string()),
        ("network", report.network.to_string()),
        ("preset", text(report.preset.map(Preset::name))),
        ("taps", taps.join(",")),
        ("criterion", criterion.map(|criterion| criterion.to_string()).unwrap_or_default()),
        ("normalization", report.normalization.to_string()),
        ("weights", name(&report.weights.origin)),
        ("weights_sha256", report.weights.sha256.clone()),
        ("weights_trained", report.weights.trained.map(|trained| trained.to_string()).unwrap_or_default()),
        ("linears", report.linears.as_ref().map(|linears| name(&linears.origin)).unwrap_or_default()),
        ("linears_sha256", report.linears.as_ref().map(|linears| linears.sha256.clone()).unwrap_or_default()),
        ("pictures", pictures),
        ("precision", report.precision.to_string()),
        ("backend", report.backend.to_string()),
        ("adapter", text(report.adapter.as_deref())),
        ("tuning", report.tuning.as_ref().map(UsedTunings::to_string).unwrap_or_default()),
        ("version", report.version.to_owned()),
    ];
    columns.extend(rest.map(|(name, value)| (name.into(), value)));
    Ok(columns)
}

fn row(values: Vec<&str>) -> String {
    values.into_iter().map(quoted).collect::<Vec<_>>().join(",") + "\n"
}

fn quoted(value: &str) -> String {
    if value.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", value.replace('"', "\"\""))
    } else {
        value.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_where_they_must_be() {
        let values = vec!["plain", "", "two words", "a,b", "an \"inch\"", "two\nlines", "\r"];
        assert_eq!(row(values), "plain,,two words,\"a,b\",\"an \"\"inch\"\"\",\"two\nlines\",\"\r\"\n");
    }
}
