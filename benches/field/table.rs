//! Rounds as a table: medians, and ratios to the first row.

use std::time::Duration;

use crate::measure::Figures;

/// One contender and its rounds.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) rounds: Vec<Figures>,
}

/// A case as it came out.
pub(crate) struct Table {
    /// What an item is, such as `object`.
    pub(crate) item: &'static str,
    pub(crate) rows: Vec<Row>,
    /// Peers that are not installed, and whatever else has to be said.
    pub(crate) notes: Vec<String>,
}

impl Table {
    pub(crate) fn markdown(&self) -> String {
        let item = self.item;
        let mut text = format!(
            "| | wall | per {item} | ratio to ours (min-max) | CPU per {item} | of the store | peak memory | {item}s |\n\
             |---|---|---|---|---|---|---|---|\n"
        );
        let ours = self.rows.first();
        for row in &self.rows {
            let items = row.rounds.first().map_or(0, |figures| figures.items);
            let wall = |round: &Figures| per_item(round, round.wall);
            let each: Vec<f64> = row.rounds.iter().map(wall).collect();
            // Round by round: what slows the machine down slows both.
            let ratios = ours.map_or(Vec::new(), |ours| {
                each.iter().zip(ours.rounds.iter().map(wall)).map(|(theirs, ours)| theirs / ours).collect()
            });
            let cpu = |of: fn(&Figures) -> Duration| {
                let each: Vec<f64> =
                    row.rounds.iter().map(|round| per_item(round, of(round))).filter(|cpu| *cpu > 0.0).collect();
                if each.is_empty() { "-".to_owned() } else { small(median(each)) }
            };
            let peak = row.rounds.iter().map(|round| round.peak_bytes).max().unwrap_or_default();
            text += &format!(
                "| {} | {} | {} | {:.2} ({:.2}-{:.2}) | {} | {} | {} | {items} |\n",
                row.name,
                seconds(median(row.rounds.iter().map(|round| round.wall.as_secs_f64()).collect())),
                small(median(each)),
                median(ratios.clone()),
                ratios.iter().copied().fold(f64::INFINITY, f64::min),
                ratios.iter().copied().fold(0.0, f64::max),
                cpu(|round| round.cpu),
                cpu(|round| round.store_cpu),
                if peak > 0 { format!("{:.1} MiB", peak as f64 / f64::from(1 << 20)) } else { "-".to_owned() },
            );
        }
        for note in &self.notes {
            text += &format!("\n{note}\n");
        }
        text
    }
}

fn per_item(round: &Figures, time: Duration) -> f64 {
    time.as_secs_f64() / round.items.max(1) as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.len() % 2, values.get(middle), middle.checked_sub(1).and_then(|before| values.get(before))) {
        (0, Some(above), Some(below)) => f64::midpoint(*above, *below),
        (_, Some(value), _) => *value,
        _ => f64::NAN,
    }
}

fn seconds(value: f64) -> String {
    if value < 0.1 { format!("{:.1} ms", value * 1e3) } else { format!("{value:.2} s") }
}

fn small(value: f64) -> String {
    match Duration::try_from_secs_f64(value) {
        Ok(time) if time < Duration::from_micros(100) => format!("{:.2} µs", value * 1e6),
        Ok(time) if time < Duration::from_secs(1) => format!("{:.3} ms", value * 1e3),
        _ => format!("{value:.2} s"),
    }
}
