//! The heatmap as SVG, and as a page of HTML around it. Both stand for themselves: no script, no font, nothing from elsewhere.

use std::fmt::Write as _;

use jiff::tz::TimeZone;
use sonde_proto::v1::GetHeatmapResponse;

use super::{clock, headings, label, most, step};
use crate::render::text::clean;

/// A picture.
pub(crate) fn picture(map: &GetHeatmapResponse, zone: &TimeZone) -> String {
    let most = most(map);
    let cell = (DRAWN / map.columns.len().max(1)).clamp(2, 24);
    let width = LABELS + cell * map.columns.len() + NUMBERS;
    let height = TOP + ROW * map.rows.len() + BOTTOM;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"monospace\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    text(&mut svg, LABELS - 8, TOP - 8, "end", &headings(map));
    text(&mut svg, width - 8, TOP - 8, "end", "most");
    for (place, row) in map.rows.iter().enumerate() {
        let y = TOP + ROW * place;
        text(&mut svg, LABELS - 8, y + 13, "end", &label(row));
        for (column, count) in row.counts.iter().enumerate() {
            let at = map.columns.get(column).map(|at| clock(at, zone)).unwrap_or_default();
            let told = if *count < 0 { "not counted".to_owned() } else { count.to_string() };
            let x = LABELS + cell * column;
            // What cannot fail: a string takes all that is written to it.
            let _ = writeln!(
                svg,
                "<rect x=\"{x}\" y=\"{y}\" width=\"{cell}\" height=\"{}\" fill=\"{}\"><title>{at}: {told}</title></rect>",
                ROW - 2,
                fill(*count, most)
            );
        }
        let peak = row.counts.iter().copied().max().unwrap_or(0).max(0);
        text(&mut svg, width - 8, y + 13, "end", &peak.to_string());
    }
    let foot = TOP + ROW * map.rows.len() + 16;
    let ends = [
        map.columns.first().map(|at| (LABELS, "start", at)),
        map.columns.last().map(|at| (width - NUMBERS, "end", at)),
    ];
    for (x, anchor, at) in ends.into_iter().flatten().take(map.columns.len()) {
        text(&mut svg, x, foot, anchor, &clock(at, zone));
    }
    svg.push_str("</svg>\n");
    svg
}

/// A page with the picture and what it says of itself.
pub(crate) fn page(map: &GetHeatmapResponse, zone: &TimeZone) -> String {
    let day = |at: &prost_types::Timestamp| at.to_string();
    let said = if map.present_only.is_empty() {
        let ends = (map.columns.first().map(day), map.columns.last().map(day));
        format!("Recorded from {} to {}.", ends.0.unwrap_or_default(), ends.1.unwrap_or_default())
    } else {
        format!("The present alone: {}.", clean(&map.present_only))
    };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Sockets over time</title>\n\
         <style>body{{font-family:sans-serif;margin:2em}}svg{{max-width:100%;height:auto}}</style></head>\n<body>\n\
         <h1>Sockets over time</h1>\n<p>{} Network namespace {}. Darker is more, on a logarithmic scale up to {}; grey was not counted.</p>\n\
         {}</body>\n</html>\n",
        escaped(&said),
        map.network_namespace,
        most(map),
        picture(map, zone)
    )
}

fn text(svg: &mut String, x: usize, y: usize, anchor: &str, words: &str) {
    let _ = writeln!(svg, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{}</text>", escaped(words));
}

fn fill(count: i64, most: i64) -> &'static str {
    match count {
        ..0 => "#dddddd",
        0 => "#ffffff",
        count => COLOURS.get(step(count, most)).copied().unwrap_or("#000000"),
    }
}

fn escaped(text: &str) -> String {
    clean(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// From few to many; told apart in grey too.
const COLOURS: [&str; 4] = ["#fde0a0", "#f5a04a", "#c8502d", "#6b1420"];

const LABELS: usize = 260;
const NUMBERS: usize = 80;
const DRAWN: usize = 720;
const ROW: usize = 20;
const TOP: usize = 28;
const BOTTOM: usize = 28;

#[cfg(test)]
mod tests {
    use sonde_proto::v1::HeatmapRow;

    use super::super::tests::map;
    use super::*;

    #[test]
    fn a_picture_has_a_cell_for_each_count() {
        let svg = picture(&map(), &TimeZone::UTC);

        assert_eq!(svg.matches("<title>").count(), 90);
        assert!(svg.contains("<title>11:16:20: 8410</title>"), "{svg}");
        assert!(svg.contains("#6b1420") && svg.contains("not counted"), "{svg}");
    }

    #[test]
    fn a_page_stands_for_itself_and_takes_no_markup_from_outside() {
        let mut hostile = map();
        hostile.rows.push(HeatmapRow { key: vec!["<script>".to_owned(), "\"&".to_owned()], counts: vec![1] });

        let html = page(&hostile, &TimeZone::UTC);

        assert!(html.contains("&lt;script&gt; &quot;&amp;") && !html.contains("<script"), "{html}");
        assert!(!html.contains("href=") && !html.contains("src="), "{html}");
    }

    #[test]
    fn a_small_picture_is_as_it_was() {
        let small = GetHeatmapResponse {
            columns: map().columns.into_iter().take(2).collect(),
            rows: vec![HeatmapRow { key: vec!["ESTAB".to_owned(), "80".to_owned()], counts: vec![3, 40] }],
            ..map()
        };

        insta::assert_snapshot!(picture(&small, &TimeZone::UTC));
    }
}
