//! Copies blocks into panels, in the order the innermost loop reads them; what a panel lacks is filled with zeros.

use super::View;

/// A range of rows or columns.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) from: usize,
    pub(super) count: usize,
}

/// Packs a block of A into panels of `panel` rows: value (i, p) of a panel lies at p · panel + i. All values are multiplied by the
/// factor on the way.
pub(super) fn pack_rows(a: &View<'_>, rows: Span, depth: Span, (panel, factor): (usize, f32), packed: &mut Vec<f32>) {
    let panels = rows.count.div_ceil(panel);
    resize(packed, panels * panel * depth.count);
    for (place, target) in packed.chunks_exact_mut(panel * depth.count).take(panels).enumerate() {
        let first = rows.from + place * panel;
        let count = panel.min(rows.from + rows.count - first);
        gather(a, Span { from: first, count }, depth, (panel, factor), target);
    }
}

/// Packs a block of B into panels of `panel` columns: value (p, j) of a panel lies at p · panel + j.
pub(super) fn pack_columns(b: &View<'_>, depth: Span, columns: Span, panel: usize, packed: &mut Vec<f32>) {
    let turned = b.transposed();
    pack_rows(&turned, columns, depth, (panel, 1.0), packed);
}

/// Fills one panel; reads along whichever direction lies together in memory.
fn gather(a: &View<'_>, rows: Span, depth: Span, (panel, factor): (usize, f32), target: &mut [f32]) {
    if a.column_stride == 1 {
        for line in 0..rows.count {
            let from = (rows.from + line) * a.row_stride + depth.from;
            let source = &a.values[from..from + depth.count];
            target[line..].iter_mut().step_by(panel).zip(source).for_each(|(value, source)| *value = source * factor);
        }
    } else {
        for (step, values) in target.chunks_exact_mut(panel).enumerate() {
            let from = rows.from * a.row_stride + (depth.from + step) * a.column_stride;
            let source = a.values[from..].iter().step_by(a.row_stride.max(1));
            values[..rows.count].iter_mut().zip(source).for_each(|(value, source)| *value = source * factor);
        }
    }
    if rows.count < panel {
        target.chunks_exact_mut(panel).for_each(|values| values[rows.count..].fill(0.0));
    }
}

/// Grows a buffer; what it held does not matter, and it never shrinks.
fn resize(packed: &mut Vec<f32>, length: usize) {
    if packed.len() < length {
        packed.resize(length, 0.0);
    }
}
