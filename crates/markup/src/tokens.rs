//! The design tokens: `tokens.css` as it is served, and its colours for terminals and pictures.

/// The style sheet every page starts with: colours for light and dark, fonts, sizes, spacing and the prose styles.
pub const CSS: &str = include_str!("tokens.css");

/// What articles need beyond [`CSS`]: anchors, coloured code and formulas.
pub const ARTICLE_CSS: &str = include_str!("article.css");

/// A colour: red, green and blue, 0 to 255 each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rgb(pub u8, pub u8, pub u8);

/// The colours of one mode. Every text colour has a contrast of at least 7:1 on `paper` and on `surface`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    /// The page.
    pub paper: Rgb,
    /// Code, cards, the person's turns.
    pub surface: Rgb,
    /// What is under the pointer or selected.
    pub surface_2: Rgb,
    /// Text.
    pub ink: Rgb,
    /// Text of the second rank.
    pub ink_2: Rgb,
    /// Dates and captions.
    pub muted: Rgb,
    /// The border of something one can act on; at least 3:1.
    pub edge: Rgb,
    /// Decoration only.
    pub line: Rgb,
    /// Links.
    pub link: Rgb,
    /// Links under the pointer.
    pub link_hover: Rgb,
    /// The one accent.
    pub ember: Rgb,
    /// It worked.
    pub ok: Rgb,
    /// Look here.
    pub warn: Rgb,
    /// It failed.
    pub err: Rgb,
    /// Source code.
    pub code: CodePalette,
    /// Series of a plot, in order; at least 4.5:1 on `paper`.
    pub chart: [Rgb; 8],
}

/// The colours of source code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodePalette {
    /// Keywords.
    pub keyword: Rgb,
    /// Strings.
    pub string: Rgb,
    /// Numbers.
    pub number: Rgb,
    /// Comments.
    pub comment: Rgb,
    /// Names of functions.
    pub function: Rgb,
    /// Names of types.
    pub type_name: Rgb,
}

/// Ink on paper.
pub const LIGHT: Palette = Palette {
    paper: Rgb(0xFD, 0xFC, 0xFA),
    surface: Rgb(0xF5, 0xF3, 0xEE),
    surface_2: Rgb(0xEC, 0xE9, 0xE2),
    ink: Rgb(0x1D, 0x1C, 0x1A),
    ink_2: Rgb(0x45, 0x42, 0x3C),
    muted: Rgb(0x54, 0x50, 0x4A),
    edge: Rgb(0x87, 0x82, 0x7A),
    line: Rgb(0xDE, 0xDA, 0xD2),
    link: Rgb(0x0A, 0x4D, 0x99),
    link_hover: Rgb(0x08, 0x3B, 0x75),
    ember: Rgb(0x8F, 0x33, 0x06),
    ok: Rgb(0x14, 0x58, 0x2F),
    warn: Rgb(0x6B, 0x43, 0x00),
    err: Rgb(0x96, 0x15, 0x1F),
    code: CodePalette {
        keyword: Rgb(0x7A, 0x1F, 0x6B),
        string: Rgb(0x14, 0x58, 0x2F),
        number: Rgb(0x8F, 0x33, 0x06),
        comment: Rgb(0x54, 0x50, 0x4A),
        function: Rgb(0x0A, 0x4D, 0x99),
        type_name: Rgb(0x0B, 0x55, 0x60),
    },
    chart: [
        Rgb(0x0A, 0x5F, 0xB4),
        Rgb(0xB4, 0x53, 0x0A),
        Rgb(0x1B, 0x7A, 0x47),
        Rgb(0xA3, 0x24, 0x6B),
        Rgb(0x6A, 0x4F, 0xB3),
        Rgb(0x0B, 0x7A, 0x83),
        Rgb(0x7A, 0x6A, 0x00),
        Rgb(0x6B, 0x65, 0x5C),
    ],
};

/// Paper on ink.
pub const DARK: Palette = Palette {
    paper: Rgb(0x12, 0x11, 0x10),
    surface: Rgb(0x1B, 0x1A, 0x18),
    surface_2: Rgb(0x26, 0x24, 0x21),
    ink: Rgb(0xEC, 0xE8, 0xE1),
    ink_2: Rgb(0xCF, 0xCA, 0xC1),
    muted: Rgb(0xB0, 0xAA, 0xA0),
    edge: Rgb(0x77, 0x72, 0x6A),
    line: Rgb(0x34, 0x31, 0x2D),
    link: Rgb(0x8F, 0xBC, 0xF5),
    link_hover: Rgb(0xB4, 0xD3, 0xFA),
    ember: Rgb(0xF2, 0xA8, 0x78),
    ok: Rgb(0x7F, 0xCB, 0x9A),
    warn: Rgb(0xE5, 0xB5, 0x67),
    err: Rgb(0xFF, 0x9C, 0x97),
    code: CodePalette {
        keyword: Rgb(0xE3, 0xA4, 0xD8),
        string: Rgb(0x8F, 0xD3, 0xA6),
        number: Rgb(0xF2, 0xA8, 0x78),
        comment: Rgb(0xB0, 0xAA, 0xA0),
        function: Rgb(0x8F, 0xBC, 0xF5),
        type_name: Rgb(0x7E, 0xCF, 0xD9),
    },
    chart: [
        Rgb(0x6C, 0xAB, 0xF2),
        Rgb(0xF0, 0x93, 0x5A),
        Rgb(0x5F, 0xC4, 0x8A),
        Rgb(0xE8, 0x80, 0xB7),
        Rgb(0xB2, 0x9C, 0xF0),
        Rgb(0x4F, 0xC1, 0xCC),
        Rgb(0xD3, 0xC0, 0x4A),
        Rgb(0xA8, 0xA2, 0x98),
    ],
};

impl Palette {
    /// Returns every colour with the name of its custom property in `tokens.css`, without the leading dashes.
    #[must_use]
    pub fn named(&self) -> Vec<(String, Rgb)> {
        let code = &self.code;
        let mut named: Vec<(String, Rgb)> = [
            ("paper", self.paper),
            ("surface", self.surface),
            ("surface-2", self.surface_2),
            ("ink", self.ink),
            ("ink-2", self.ink_2),
            ("muted", self.muted),
            ("edge", self.edge),
            ("line", self.line),
            ("link", self.link),
            ("link-hover", self.link_hover),
            ("ember", self.ember),
            ("ok", self.ok),
            ("warn", self.warn),
            ("err", self.err),
            ("code-keyword", code.keyword),
            ("code-string", code.string),
            ("code-number", code.number),
            ("code-comment", code.comment),
            ("code-function", code.function),
            ("code-type", code.type_name),
        ]
        .map(|(name, colour)| (name.to_owned(), colour))
        .into();
        named.extend(self.chart.iter().enumerate().map(|(index, colour)| (format!("chart-{}", index + 1), *colour)));
        named
    }
}

#[cfg(test)]
mod tests {
    use super::{CSS, DARK, LIGHT, Palette, Rgb};

    /// Reads the `--name: light-dark(#RRGGBB, #RRGGBB);` lines.
    fn declared() -> Vec<(String, Rgb, Rgb)> {
        CSS.lines()
            .filter_map(|line| {
                let (name, value) = line.trim().strip_prefix("--")?.split_once(": light-dark(")?;
                let (light, dark) = value.strip_suffix(");")?.split_once(", ")?;
                Some((name.to_owned(), colour(light)?, colour(dark)?))
            })
            .collect()
    }

    fn colour(hex: &str) -> Option<Rgb> {
        let value = u32::from_str_radix(hex.strip_prefix('#').filter(|digits| digits.len() == 6)?, 16).ok()?;
        let [_, red, green, blue] = value.to_be_bytes();
        Some(Rgb(red, green, blue))
    }

    /// Relative luminance, WCAG 2.2.
    fn luminance(Rgb(red, green, blue): Rgb) -> f64 {
        let linear = |channel: u8| {
            let share = f64::from(channel) / 255.0;
            if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    }

    fn contrast(one: Rgb, other: Rgb) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn constants_and_style_sheet_agree() {
        let constants: Vec<_> =
            LIGHT.named().into_iter().zip(DARK.named()).map(|((name, light), (_, dark))| (name, light, dark)).collect();
        assert_eq!(declared(), constants);
    }

    #[test]
    fn text_can_be_read() {
        let check = |mode: &Palette| {
            for (name, colour) in mode.named() {
                let (floor, grounds): (f64, &[Rgb]) = match name.as_str() {
                    "paper" | "surface" | "surface-2" | "line" => continue,
                    "edge" => (3.0, &[mode.paper, mode.surface]),
                    name if name.starts_with("chart") => (4.5, &[mode.paper]),
                    _ => (7.0, &[mode.paper, mode.surface]),
                };
                let found = grounds.iter().map(|ground| contrast(colour, *ground)).fold(f64::MAX, f64::min);
                assert!(found >= floor, "{name} has {found:.2}:1 on {grounds:?}, needs {floor}:1");
            }
        };
        check(&LIGHT);
        check(&DARK);
    }
}
