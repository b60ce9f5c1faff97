//! Reports as comma-separated values, quoted as RFC 4180 says. A row is a line, since names are escaped.

use perceptual_loss::{Preset, UsedTunings, low_level::shown::escaped};

use super::line::Line;
use crate::{failure::Failure, json};

/// A row of names, and a row a report. Reports of one run have the same layers.
pub fn encode(lines: &[Line]) -> Result<String, Failure> {
    let rows = lines.iter().map(columns).collect::<Result<Vec<_>, _>>()?;
    let names = rows.first().map(|row| row.iter().map(|(name, _)| *name).collect());
    let values = rows.iter().map(|row| row.iter().map(|(_, value)| value.as_str()).collect());
    Ok(names.into_iter().chain(values).map(row).collect())
}

/// What is looked at first comes first.
fn columns(line: &Line) -> Result<Vec<(&'static str, String)>, Failure> {
    let Line { report, generated, target, pictures } = line;
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let name = |name: &str| escaped(name).into_owned();
    let taps: Vec<_> = report.layers.iter().map(|layer| format!("{}={}", layer.name, layer.weight)).collect();
    let pictures = match pictures.is_plain() {
        true => String::new(),
        false => json::object(pictures)?,
    };
    let mut columns =
        vec![("generated", name(generated)), ("target", name(target)), ("total", report.total.to_string())];
    columns.extend(report.layers.iter().map(|layer| (layer.name, layer.loss.to_string())));
    columns.extend([
        ("width", report.width.to_string()),
        ("height", report.height.to_string()),
        ("network", report.network.to_string()),
        ("preset", text(report.preset.map(Preset::name))),
        ("taps", taps.join(",")),
        ("criterion", report.criterion.to_string()),
        ("normalization", report.normalization.to_string()),
        ("weights", name(&report.weights.origin)),
        ("weights_sha256", report.weights.sha256.clone()),
        ("weights_trained", report.weights.trained.map(|trained| trained.to_string()).unwrap_or_default()),
        ("pictures", pictures),
        ("precision", report.precision.to_string()),
        ("backend", report.backend.to_string()),
        ("adapter", text(report.adapter.as_deref())),
        ("tuning", report.tuning.as_ref().map(UsedTunings::to_string).unwrap_or_default()),
        ("version", report.version.to_owned()),
    ]);
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
