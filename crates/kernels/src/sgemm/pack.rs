//! Copies blocks into panels, in the order the innermost loop reads them; what a panel lacks is filled with zeros.

use super::View;

/// Packs `height` rows from `row` and `depth` columns from `deep` of A into panels of `panel` rows: value (i, p) of a panel lies
/// at p · panel + i. All values are multiplied by the factor on the way.
pub(super) fn pack_rows(
    a: &View<'_>,
    (row, height): (usize, usize),
    (deep, depth): (usize, usize),
    (panel, factor): (usize, f32),
    packed: &mut Vec<f32>,
) {
    resize(packed, height.div_ceil(panel) * panel * depth);
    for (place, target) in packed.chunks_exact_mut(panel * depth).take(height.div_ceil(panel)).enumerate() {
        let first = row + place * panel;
        let count = panel.min(row + height - first);
        if a.column_stride == 1 {
            for line in 0..count {
                let from = (first + line) * a.row_stride + deep;
                for (value, source) in target[line..].iter_mut().step_by(panel).zip(&a.values[from..from + depth]) {
                    *value = source * factor;
                }
            }
        } else {
            for (step, values) in target.chunks_exact_mut(panel).enumerate() {
                let from = first * a.row_stride + (deep + step) * a.column_stride;
                for (line, value) in values[..count].iter_mut().enumerate() {
                    *value = a.values[from + line * a.row_stride] * factor;
                }
            }
        }
        for values in target.chunks_exact_mut(panel) {
            values[count..].fill(0.0);
        }
    }
}

/// Packs `depth` rows from `deep` and `width` columns from `column` of B into panels of `panel` columns: value (p, j) of a panel
/// lies at p · panel + j.
pub(super) fn pack_columns(
    b: &View<'_>,
    (deep, depth): (usize, usize),
    (column, width): (usize, usize),
    panel: usize,
    packed: &mut Vec<f32>,
) {
    resize(packed, width.div_ceil(panel) * panel * depth);
    for (place, target) in packed.chunks_exact_mut(panel * depth).take(width.div_ceil(panel)).enumerate() {
        let first = column + place * panel;
        let count = panel.min(column + width - first);
        if b.column_stride == 1 {
            for (step, values) in target.chunks_exact_mut(panel).enumerate() {
                let from = (deep + step) * b.row_stride + first;
                values[..count].copy_from_slice(&b.values[from..from + count]);
                values[count..].fill(0.0);
            }
        } else {
            for line in 0..count {
                let from = (first + line) * b.column_stride + deep * b.row_stride;
                for (value, step) in target[line..].iter_mut().step_by(panel).zip(0..depth) {
                    *value = b.values[from + step * b.row_stride];
                }
            }
            for values in target.chunks_exact_mut(panel) {
                values[count..].fill(0.0);
            }
        }
    }
}

/// Grows a buffer; what it held does not matter, and it never shrinks.
fn resize(packed: &mut Vec<f32>, length: usize) {
    if packed.len() < length {
        packed.resize(length, 0.0);
    }
}
