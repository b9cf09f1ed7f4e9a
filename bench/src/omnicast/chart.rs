//! The figures as pictures like the paper's.

use std::path::Path;

use plotters::prelude::*;

use super::{capacity, connection, frame_rate, paper, recovery};
use crate::chart::{Area, ChartError, SIZE, legend, picture};

const OURS: RGBColor = RGBColor(31, 119, 180);
const PAPER: RGBColor = RGBColor(150, 150, 150);
/// The parts of a bar, from below.
const PARTS: [RGBColor; 3] =
    [RGBColor(148, 103, 189), RGBColor(255, 127, 14), RGBColor(44, 160, 44)];

/// What can be drawn.
pub trait Chart {
    /// Writes the picture as SVG.
    ///
    /// # Errors
    /// When the file cannot be written.
    fn write_chart(&self, path: &Path) -> Result<(), ChartError>;
}

type Plane<'a, 'b> = ChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

/// An empty chart: `nodes` places on the axis below, `ms` on the left one.
fn plane<'a, 'b>(
    area: &'a Area<'b>,
    (caption, below): (&str, &str),
    nodes: usize,
    (least, most): (f64, f64),
) -> Result<Plane<'a, 'b>, ChartError> {
    let mut chart = ChartBuilder::on(area)
        .caption(caption, ("sans-serif", 16))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(56)
        .build_cartesian_2d(0.5..nodes as f64 + 0.5, least..most)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(WHITE)
        .x_desc(below)
        .y_desc("ms")
        .x_labels(nodes.clamp(2, 20))
        .x_label_formatter(&|place| format!("{place:.0}"))
        .draw()?;
    Ok(chart)
}

/// What the paper shows, as a band.
fn band(
    chart: &mut Plane<'_, '_>,
    nodes: usize,
    (low, high): (f64, f64),
) -> Result<(), ChartError> {
    let corners = [(0.5, low), (nodes as f64 + 0.5, high)];
    chart
        .draw_series([Rectangle::new(corners, PAPER.mix(0.35).filled())])?
        .label(format!("the paper: {low:.0} to {high:.0}"))
        .legend(|(x, y)| Rectangle::new([(x, y - 5), (x + 16, y + 5)], PAPER.mix(0.35).filled()));
    Ok(())
}

/// Like figure 7.
impl Chart for frame_rate::Report {
    fn write_chart(&self, path: &Path) -> Result<(), ChartError> {
        let area = picture(path, SIZE)?;
        let nodes = self.means_ms.len();
        let (low, high) = paper::FRAMES_30_MS;
        let all = || self.means_ms.iter().copied();
        let range = (all().fold(low, f64::min) - 2.0, all().fold(high, f64::max) + 4.0);
        let caption = format!("time for 30 frames at {nodes} children of one node");
        let mut chart = plane(&area, (&caption, "node"), nodes, range)?;
        band(&mut chart, nodes, paper::FRAMES_30_MS)?;
        let points = (1u32..).zip(all()).map(|(node, mean)| (f64::from(node), mean));
        chart
            .draw_series(LineSeries::new(points, OURS.stroke_width(2)).point_size(3))?
            .label("mean at the node")
            .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], OURS.stroke_width(2)));
        legend(&mut chart, SeriesLabelPosition::UpperRight)?;
        Ok(area.present()?)
    }
}

/// Like figure 9.
impl Chart for connection::Report {
    fn write_chart(&self, path: &Path) -> Result<(), ChartError> {
        let area = picture(path, SIZE)?;
        let nodes = self.hops.len();
        let bars =
            self.hops.iter().map(|hop| [hop.uscp_ms.p50, hop.rtsp_ms.p50, hop.first_frame_ms.p50]);
        let bars: Vec<[f64; 3]> = bars.collect();
        let most = bars.iter().map(|bar| bar.iter().sum()).fold(paper::CONNECTION_MS.1, f64::max);
        let caption = "time to the first picture that can be decoded";
        let mut chart = plane(&area, (caption, "hops"), nodes, (0.0, most * 1.3))?;
        band(&mut chart, nodes, paper::CONNECTION_MS)?;
        let names = ["USCP session", "RTSP session", "first frame"];
        for (part, (colour, name)) in PARTS.into_iter().zip(names).enumerate() {
            let boxes = (1u32..).zip(&bars).map(|(hop, bar)| {
                let below: f64 = bar.iter().take(part).sum();
                let top = below + bar.get(part).copied().unwrap_or(0.0);
                let hop = f64::from(hop);
                Rectangle::new([(hop - 0.3, below), (hop + 0.3, top)], colour.filled())
            });
            chart.draw_series(boxes)?.label(name).legend(move |(x, y)| {
                Rectangle::new([(x, y - 5), (x + 16, y + 5)], colour.filled())
            });
        }
        legend(&mut chart, SeriesLabelPosition::UpperRight)?;
        Ok(area.present()?)
    }
}

/// Bars for each node below the one that left, in each way.
impl Chart for recovery::Report {
    fn write_chart(&self, path: &Path) -> Result<(), ChartError> {
        let area = picture(path, SIZE)?;
        let nodes = self.ways.iter().map(|way| way.by_node.len()).max().unwrap_or(1);
        let all = self.ways.iter().flat_map(|way| &way.by_node).map(|times| times.max);
        let most = all.fold(paper::RECOVERY_MS.1, f64::max);
        let caption = "longest time until the stream went on when node 2 had left";
        let below = "nodes below it, the nearest first";
        let mut chart = plane(&area, (caption, below), nodes, (0.0, most * 1.3))?;
        band(&mut chart, nodes, paper::RECOVERY_MS)?;
        for (place, (way, colour)) in (0u8..).zip(self.ways.iter().zip(PARTS)) {
            let shift = f64::from(place) * 0.25 - 0.375;
            let boxes = (1u32..).zip(&way.by_node).map(|(node, times)| {
                let left = f64::from(node) + shift;
                Rectangle::new([(left, 0.0), (left + 0.22, times.max)], colour.filled())
            });
            chart.draw_series(boxes)?.label(way.way.to_string()).legend(move |(x, y)| {
                Rectangle::new([(x, y - 5), (x + 16, y + 5)], colour.filled())
            });
        }
        legend(&mut chart, SeriesLabelPosition::UpperRight)?;
        Ok(area.present()?)
    }
}

/// Bars for the paper, its rule and here; the nodes' on a scale of their own, which is so many times as large.
impl Chart for capacity::Report {
    fn write_chart(&self, path: &Path) -> Result<(), ChartError> {
        let area = picture(path, SIZE)?;
        let parts = area.split_evenly((1, self.stages.len().max(1)));
        for (stage, part) in self.stages.iter().zip(&parts) {
            let bars = [
                ("the paper, of 100 Mbit/s", f64::from(stage.paper()), PAPER),
                ("its rule", stage.by_rule, PARTS[0]),
                ("here, nothing lost", f64::from(stage.clients.unwrap_or(0)), OURS),
            ];
            let most = bars.iter().map(|bar| bar.1).fold(1.0, f64::max);
            let mega = self.plan.uplink / 1_000_000;
            let mut chart = ChartBuilder::on(part)
                .caption(format!("{}, {mega} Mbit/s each", stage.name()), ("sans-serif", 16))
                .margin(12)
                .x_label_area_size(12)
                .y_label_area_size(56)
                .build_cartesian_2d(0.4..3.6, 0.0..most * 1.45)?;
            let mut mesh = chart.configure_mesh();
            mesh.disable_x_mesh().disable_x_axis().light_line_style(WHITE).y_desc("clients");
            mesh.y_label_formatter(&|clients| format!("{clients:.0}"));
            mesh.draw()?;
            for (place, (name, clients, colour)) in (1u8..).zip(bars) {
                let (left, right) = (f64::from(place) - 0.3, f64::from(place) + 0.3);
                let bar = Rectangle::new([(left, 0.0), (right, clients)], colour.filled());
                chart.draw_series([bar])?.label(format!("{name}: {clients:.0}")).legend(
                    move |(x, y)| Rectangle::new([(x, y - 5), (x + 16, y + 5)], colour.filled()),
                );
            }
            legend(&mut chart, SeriesLabelPosition::UpperLeft)?;
        }
        Ok(area.present()?)
    }
}
