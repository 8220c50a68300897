//! A picture in the HTML of an output.
//!
//! Front ends take all SVG out of the HTML of a notebook that nobody has run yet (to them it
//! is not trusted), and leave the texts of the picture in a heap. So the HTML has an image,
//! which some of them show as it is, and a script, which the others take out as well: where
//! it runs, the image becomes SVG within the page, with the page's colour of text and with
//! texts under the pointer.

use std::fmt::Write;

/// Shown in place of an image that is taken out.
const INSTEAD: &str = "A picture, which is drawn when the cell is run.";
const SCRIPT: &str = "<script>(function(s){var i=s&&s.previousElementSibling;if(i&&i.src)\
    i.outerHTML=decodeURIComponent(i.src.slice(i.src.indexOf(',')+1)).replace(' color=\"#808080\"','')})\
    (document.currentScript)</script>";

/// HTML of a picture that stands alone in its element: `svg` is the text of an SVG file.
pub fn embedded(svg: &str) -> String {
    element(svg, "width:100%") + SCRIPT
}

/// HTML of a picture that stays an image, as large as it is or as its place allows.
pub fn image(svg: &str) -> String {
    element(svg, "max-width:100%")
}

fn element(svg: &str, style: &str) -> String {
    let mut address = String::with_capacity(svg.len() * 5 / 4);
    for character in svg.chars() {
        match character {
            '%' | '#' | '"' | '\'' | '<' | '>' | '&' | '\n' | '\r' | '\t' => {
                let _ = write!(address, "%{:02X}", u32::from(character));
            }
            character => address.push(character),
        }
    }
    format!("<img src=\"data:image/svg+xml;charset=utf-8,{address}\" alt=\"{INSTEAD}\" style=\"{style}\">")
}

#[cfg(test)]
mod tests {
    use super::super::svg::INK;
    use super::*;

    #[test]
    fn the_script_takes_the_colour_of_the_page() {
        let svg = super::super::Svg::new(1.0, 1.0, 1.0, "").finish();
        assert!(svg.contains(INK) && SCRIPT.contains(&format!("'{INK}'")), "{svg}");
    }

    #[test]
    fn the_picture_is_within_an_attribute() {
        let html = embedded("<svg width=\"1\"><title>50 % of \"a\" & 'b'\nα</title></svg>");
        let (address, rest) = html.strip_prefix("<img src=\"").and_then(|rest| rest.split_once('"')).expect("an image");
        assert!(!address.contains(['<', '>', '&', '\n', '#']), "{address}");
        assert!(address.contains("50 %25 of %22a%22 %26 %27b%27%0Aα"), "{address}");
        assert!(rest.starts_with(&format!(" alt=\"{INSTEAD}\"")) && rest.ends_with("</script>"), "{rest}");
    }
}
