//! What a packet costs, over the number of receivers, as a picture.

use std::path::Path;

use plotters::prelude::*;

use super::Report;
use crate::chart::{COLOURS, ChartError, SIZE, legend, picture};

/// Writes the picture as SVG: a line for each relay, over the children of the reports.
///
/// # Errors
///
/// When the file cannot be written.
pub fn write(reports: &[Report], path: &Path) -> Result<(), ChartError> {
    let relays = || reports.iter().flat_map(|report| &report.figures);
    let most = reports.iter().map(|report| report.plan.children).max().unwrap_or(1).max(2) as f64;
    let dearest = relays().map(|figures| figures.cpu_ns.max).fold(1000.0, f64::max) * 1.1;
    let cheapest = relays().map(|figures| figures.cpu_ns.min).fold(dearest, f64::min) / 1.3;
    let area = picture(path, SIZE)?;
    let audience = reports.first().map_or("", Report::audience);
    let mut chart = ChartBuilder::on(&area)
        .caption(format!("CPU ns per packet, {audience}"), ("sans-serif", 16))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(56)
        .build_cartesian_2d((1.0..most * 1.1).log_scale(), (cheapest..dearest).log_scale())?;
    chart.configure_mesh().x_desc("receivers").light_line_style(WHITE).draw()?;
    let names: Vec<&str> = reports
        .first()
        .map(|report| report.figures.iter().map(|one| one.relay.as_str()).collect())
        .unwrap_or_default();
    for (name, colour) in names.into_iter().zip(COLOURS.into_iter().cycle()) {
        let points = || {
            reports.iter().filter_map(move |report| {
                let figures = report.figures.iter().find(|figures| figures.relay == name)?;
                Some((report.plan.children as f64, figures.cpu_ns))
            })
        };
        let bars = points().map(|(children, ns)| {
            PathElement::new([(children, ns.min), (children, ns.max)], colour.stroke_width(1))
        });
        chart.draw_series(bars)?;
        let line = points().map(|(children, ns)| (children, ns.median));
        chart
            .draw_series(LineSeries::new(line, colour.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
    }
    legend(&mut chart, SeriesLabelPosition::UpperRight)?;
    Ok(area.present()?)
}
