//! The figures as a picture: how far nodes are away, and how the time for a join grows.

use std::path::Path;

use plotters::prelude::*;

use super::{Figures, Report};
use crate::chart::{Area, COLOURS, ChartError, legend, picture};

const SIZE: (u32, u32) = (1000, 420);

/// Writes the picture as SVG.
///
/// # Errors
/// When the file cannot be written.
pub fn write(report: &Report, path: &Path) -> Result<(), ChartError> {
    let area = picture(path, SIZE)?;
    let (left, right) = area.split_horizontally(SIZE.0 / 2);
    draw_hops(report, &left)?;
    draw_times(report, &right)?;
    area.present()?;
    Ok(())
}

/// The share of the nodes that are so many hops away, or fewer.
fn draw_hops(report: &Report, area: &Area<'_>) -> Result<(), ChartError> {
    let depth = report.figures.iter().map(|one| one.depth).max().unwrap_or(1);
    let lines = report.figures.iter().map(|one| {
        let fed = one.hops.iter().sum::<usize>().max(1) as f64;
        let mut sum = 0;
        let shares = one.hops.iter().zip(0u16..).take_while(|(_, hops)| *hops <= one.depth);
        let points = shares.map(move |(nodes, hops)| {
            sum += nodes;
            (f64::from(hops), sum as f64 / fed * 100.0)
        });
        points.collect()
    });
    let mut chart = ChartBuilder::on(area)
        .caption("nodes within so many hops (%)", ("sans-serif", 16))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(48)
        .build_cartesian_2d(0.0..f64::from(depth.max(1)), 0.0..100.0)?;
    chart
        .configure_mesh()
        .x_desc("hops from the streaming server")
        .light_line_style(WHITE)
        .draw()?;
    draw_lines(&mut chart, &report.figures, lines)
}

/// The time for a join, 99 of a hundred, at several sizes.
fn draw_times(report: &Report, area: &Area<'_>) -> Result<(), ChartError> {
    let sizes = || report.figures.iter().flat_map(|one| &one.sizes);
    let most = sizes().map(|size| size.nodes).max().unwrap_or(1).max(2) as f64;
    let least = (sizes().map(|size| size.nodes).min().unwrap_or(1) as f64).min(most / 2.0);
    let times = || sizes().map(|size| size.join_us.p99).filter(|time| time.is_finite());
    let longest = times().fold(10.0, f64::max) * 1.5;
    let shortest = times().fold(1.0, f64::min).max(0.01) / 1.5;
    let lines = report
        .figures
        .iter()
        .map(|one| one.sizes.iter().map(|size| (size.nodes as f64, size.join_us.p99)).collect());
    let mut chart = ChartBuilder::on(area)
        .caption("time for a join, p99 (µs)", ("sans-serif", 16))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(48)
        .build_cartesian_2d((least..most).log_scale(), (shortest..longest).log_scale())?;
    chart.configure_mesh().x_desc("nodes").light_line_style(WHITE).draw()?;
    draw_lines(&mut chart, &report.figures, lines)
}

/// A line for each algorithm, and which is which.
fn draw_lines<'a, X, Y>(
    chart: &mut ChartContext<'a, SVGBackend<'a>, Cartesian2d<X, Y>>,
    figures: &[Figures],
    lines: impl Iterator<Item = Vec<(f64, f64)>>,
) -> Result<(), ChartError>
where
    X: Ranged<ValueType = f64>,
    Y: Ranged<ValueType = f64>,
{
    for ((one, points), colour) in figures.iter().zip(lines).zip(COLOURS.into_iter().cycle()) {
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)).point_size(2))?
            .label(format!("{} ({} nodes)", one.topology, one.nodes))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
    }
    legend(chart, SeriesLabelPosition::MiddleRight)
}
