//! Writing SVG.

use std::fmt::Write;

/// Where a text's place lies in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// The colour of text in a picture that stands alone. It is read on light and on dark pages.
pub(super) const INK: &str = " color=\"#808080\"";

/// A picture in the making. Lengths are in pixels at its natural size.
pub struct Svg {
    text: String,
}

/// Numbers with one digit behind the point, or none where it is zero.
pub fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    match text.strip_suffix(".0") {
        Some("-0") => "0".to_owned(),
        Some(whole) => whole.to_owned(),
        None => text,
    }
}

/// Text that stays text within HTML and SVG.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' | '\t' => safe.push(character),
            // Not allowed in XML.
            character if character.is_control() => safe.push('\u{fffd}'),
            character => safe.push(character),
        }
    }
    safe
}

impl Svg {
    /// A picture that becomes as wide as its place allows, up to `widest` times its
    /// natural size. `label` is for those who hear it.
    pub fn new(width: f64, height: f64, widest: f64, label: &str) -> Svg {
        let (label, most) = (escaped(label), number(width * widest));
        let (width, height) = (number(width), number(height));
        let text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"100%\"{INK} \
             style=\"max-width:{most}px;display:block\" role=\"img\" aria-label=\"{label}\" \
             font-family=\"system-ui,sans-serif\" font-size=\"11\" fill=\"currentColor\">"
        );
        Svg { text }
    }

    /// A rectangle. `title` is shown when the pointer is over it.
    pub fn rect(&mut self, [x, y, width, height]: [f64; 4], fill: &str, opacity: f64, title: &str) {
        let opacity = if opacity < 1.0 { format!(" opacity=\"{opacity:.2}\"") } else { String::new() };
        let [x, y, width, height] = [x, y, width, height].map(number);
        let _ = write!(
            self.text,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{fill}\"{opacity}>"
        );
        let _ = write!(self.text, "<title>{}</title></rect>", escaped(title));
    }

    /// A line in the colour of text. `style` has more attributes: ` opacity=".2"`.
    pub fn line(&mut self, [x1, y1, x2, y2]: [f64; 4], style: &str) {
        let [x1, y1, x2, y2] = [x1, y1, x2, y2].map(number);
        let _ =
            write!(self.text, "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" stroke=\"currentColor\"{style}/>");
    }

    /// A line through points. `style` has more attributes.
    pub fn polyline(&mut self, points: impl IntoIterator<Item = (f64, f64)>, stroke: &str, style: &str) {
        self.text.push_str("<polyline points=\"");
        for (x, y) in points {
            let _ = write!(self.text, "{},{} ", number(x), number(y));
        }
        let _ = write!(self.text, "\" fill=\"none\" stroke=\"{stroke}\"{style}/>");
    }

    /// A text at a place of its base line.
    pub fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, style: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let (x, y, text) = (number(x), number(y), escaped(text));
        let _ = write!(self.text, "<text x=\"{x}\" y=\"{y}\"{anchor}{style}>{text}</text>");
    }

    /// SVG of one's own.
    pub fn raw(&mut self, svg: &str) {
        self.text.push_str(svg);
    }

    pub fn finish(mut self) -> String {
        self.text.push_str("</svg>");
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!([0.0, -0.01, 1.0, 1.25, 99.96, -3.5].map(number), ["0", "0", "1", "1.2", "100", "-3.5"]);
    }

    #[test]
    fn text_stays_text() {
        assert_eq!(escaped("<a b=\"c\">&\u{0}\n"), "&lt;a b=&quot;c&quot;&gt;&amp;\u{fffd}\n");
        let mut svg = Svg::new(10.0, 10.0, 1.0, "a \"b\"");
        svg.text((0.0, 0.0), Anchor::Start, "", "</svg><script>");
        let text = svg.finish();
        assert!(!text.contains("<script>") && text.contains("aria-label=\"a &quot;b&quot;\""), "{text}");
    }
}
