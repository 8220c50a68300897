"""Rich output: formats, values shown, updates, clearing, and the convention of existing crates."""

import base64
import json

import pytest

from kernel_client import picture

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
BYTES = "[" + ", ".join(f"{byte}u8" for byte in PNG) + "]"

FORMATS = {
    "text/html": ('Html("<b>x</b>")', "<b>x</b>"),
    "text/markdown": ('Markdown("**x**")', "**x**"),
    "text/latex": ('Latex("$x^2$")', "$x^2$"),
    "image/svg+xml": ('Svg("<svg xmlns=\'http://www.w3.org/2000/svg\'/>")', "<svg xmlns='http://www.w3.org/2000/svg'/>"),
    "image/png": (f"Png({BYTES})", base64.b64encode(PNG).decode()),
    "image/jpeg": ("Jpeg(vec![255u8, 216])", "/9g="),
    "image/gif": ("Gif([71u8])", "Rw=="),
    "application/json": ('Json(serde_json::json!({"a": [1, null]}))', {"a": [1, None]}),
}


@pytest.mark.parametrize("mime", FORMATS)
def test_a_format_displayed_and_as_the_value(kernel, mime):
    code, content = FORMATS[mime]
    cell = kernel.good(f"display(&{code});\n{code}")
    (shown,) = cell.displays
    assert shown[mime] == content and cell.bundle[mime] == content
    assert "text/plain" in shown and "text/plain" in cell.bundle


def test_a_picture_is_an_image_where_no_svg_is_shown(kernel):
    svg = "<svg xmlns='http://www.w3.org/2000/svg' width='9'><text>50 % & \"more\" #1 é</text></svg>"
    code = f'Svg(r##"{svg}"##)'
    assert picture(kernel.good(code).bundle) == svg
    large = kernel.good('Svg(format!("<svg>{}</svg>", " ".repeat(1 << 20)))').bundle
    assert sorted(large) == ["image/svg+xml", "text/plain"]


def test_several_formats_at_once(kernel):
    cell = kernel.good(
        'MimeBundle::new().with("text/html", "<i>x</i>").with("text/plain", "x").with_json("application/json", serde_json::json!(1))'
    )
    assert cell.bundle == {"text/html": "<i>x</i>", "text/plain": "x", "application/json": 1}


def test_several_displays_in_order(kernel):
    cell = kernel.good('for i in 0..5 { display(&Html(format!("<p>{i}</p>"))); }')
    assert [shown["text/html"] for shown in cell.displays] == [f"<p>{i}</p>" for i in range(5)]


def test_an_own_type_with_a_rich_form(fresh):
    fresh.good(
        """
        #[derive(Debug)]
        struct Bar(usize);
        impl Rich for Bar {
            fn rich(&self) -> MimeBundle {
                MimeBundle::new().with("text/html", format!("<hr width={}>", self.0)).with("text/plain", "=".repeat(self.0))
            }
        }
        """
    )
    cell = fresh.good("let b = Bar(3);\ndisplay(&b);\nb")
    expected = {"text/html": "<hr width=3>", "text/plain": "==="}
    assert cell.displays == [expected] and cell.bundle == expected
    boxed = fresh.good("Box::new(Bar(1)) as Box<dyn Rich>")
    assert boxed.result == "="
    # A container of it shows its Debug form.
    assert fresh.good("vec![Bar(1)]").result == "[Bar(1)]"


VALUES = [
    ("1 + 1", "2"),
    ('"text"', '"text"'),
    ("'c'", "'c'"),
    ("2.0", "2.0"),
    ("[1, 2]", "[1, 2]"),
    ("Some(())", "Some(())"),
    ("()", None),
    ("let x = 5;", None),
    ("5;", None),
    ("println!(\"x\")", None),
    ("if true { 1 } else { 2 }", "1"),
    ("match 3 { 3 => \"three\", _ => \"other\" }", '"three"'),
    ("{ let a = 2; a * a }", "4"),
    ("loop { break 7 }", "7"),
    ("for _ in 0..1 {}", None),
    ("while false {}", None),
    ("unsafe { 8 }", "8"),
    ("if false { println!(\"x\"); }", None),
    ("vec![1, 2, 3].iter().map(|x| x * 2).collect::<Vec<_>>()", "[2, 4, 6]"),
    ("let mut v = vec![3, 1]; v.sort(); v", "[1, 3]"),
    ("format!(\"{:?}\", 1) // a comment at the end", '"1"'),
    ("5 /* and\n another */", "5"),
    ("-5i32.abs()", "-5"),
    ("!true", "false"),
    ("&5", "5"),
    ("*Box::new(3)", "3"),
    ("(1, \"a\")", '(1, "a")'),
    ("\"a\\nb\"", '"a\\nb"'),
    ("std::time::Duration::from_millis(20)", "20ms"),
    ("vec![1; 100].len()", "100"),
    ("String::new()", '""'),
    ("1..3", "1..3"),
    ("r#\"raw \"x\"\"#", '"raw \\"x\\""'),
    ("b\"ab\"", "[97, 98]"),
    ("1_000u64", "1000"),
    ("::std::cmp::max(1, 2)", "2"),
    ("if let Some(x) = Some(3) { x } else { 0 }", "3"),
    ("let x = 1; x", "1"),
    ("let x = 1\n;x", "1"),
    ("1 as f64 / 2 as f64", "0.5"),
]


@pytest.mark.parametrize("code, result", VALUES)
def test_the_last_expression(kernel, code, result):
    assert kernel.good(code).result == result


def test_a_labelled_block_is_a_value(kernel):
    assert kernel.good("'a: { if true { break 'a 1; } 2 }").result == "1"


def test_a_value_without_debug_shows_its_type(kernel):
    shown = kernel.good("struct Opaque<T>(T);\nOpaque(1u8)").result
    assert "Opaque<u8>" in shown and "notebook" not in shown, shown


def test_a_generic_function_shows_its_values(fresh):
    fresh.good("fn look<T: std::fmt::Debug>(x: T) { show!(x); }")
    assert fresh.good('look(vec!["a"]);').displays == [{"text/plain": '["a"]'}]


def test_long_values_are_laid_out(kernel):
    shown = kernel.good("#[derive(Debug)] struct Long { name: String, list: Vec<u8> }\n"
                        "(0..3).map(|i| Long { name: \"x\".repeat(40), list: vec![i] }).collect::<Vec<_>>()").result
    assert len(shown.splitlines()) > 3
    assert len(kernel.good("(0..1000).collect::<Vec<_>>()").result.splitlines()) == 1


def test_an_update_in_place(kernel):
    cell = kernel.good('for i in 0..3 { update_display("progress", &Html(format!("{i}"))); }\nprint!("end");')
    kinds = [(m["msg_type"], m["content"]["transient"].get("display_id")) for m in cell.messages if "display" in m["msg_type"]]
    first = kinds[0][1]
    assert first and kinds == [("display_data", first), ("update_display_data", first), ("update_display_data", first)]
    assert [m["content"]["data"]["text/html"] for m in cell.messages if "display" in m["msg_type"]] == ["0", "1", "2"]


def test_an_update_from_a_later_cell_and_from_a_thread(fresh):
    first = fresh.good('update_display("a", &Html("1"));')
    second = fresh.good('std::thread::spawn(|| update_display("a", &Html("2"))).join().unwrap();')
    (made,) = first.contents("display_data")
    (changed,) = second.contents("update_display_data")
    assert made["transient"] == changed["transient"]
    assert changed["data"]["text/html"] == "2"


def test_displays_from_threads(kernel):
    cell = kernel.good("std::thread::scope(|s| for i in 0..4 { s.spawn(move || for _ in 0..10 { display(&Html(i.to_string())); }); });")
    assert sorted(shown["text/html"] for shown in cell.displays) == sorted("0123" * 10)


@pytest.mark.parametrize("wait", [False, True])
def test_clear_output(kernel, wait):
    cell = kernel.good(f'print!("old"); clear_output({str(wait).lower()}); print!("new");')
    assert cell.outputs == [("stdout", "old"), ("clear_output", wait), ("stdout", "new")]


EVCXR = """
#[derive(Debug)]
struct Matrix { values: Vec<f64> }
impl Matrix {
    pub fn evcxr_display(&self) {
        println!("EVCXR_BEGIN_CONTENT text/html\\n<table><tr><td>{:?}</td></tr></table>\\nEVCXR_END_CONTENT", self.values);
    }
}
let m = Matrix { values: vec![1.0] };
"""


class TestTheEvcxrConvention:
    def test_a_value_shows_itself(self, fresh):
        fresh.good(EVCXR)
        cell = fresh.good("m")
        formats = [*cell.displays, *([cell.bundle] if cell.bundle else [])]
        assert [bundle["text/html"] for bundle in formats] == ["<table><tr><td>[1.0]</td></tr></table>"], str(cell)
        assert "EVCXR" not in cell.stdout

    def test_text_around_the_block_stays_in_order(self, fresh):
        cell = fresh.good(
            'println!("before\\nEVCXR_BEGIN_CONTENT text/html\\n<b>x</b>\\nEVCXR_END_CONTENT\\nafter");'
        )
        assert [(kind, text.strip()) for kind, text in cell.outputs if kind == "stdout"] == [("stdout", "before"), ("stdout", "after")], str(cell)
        assert cell.displays[0]["text/html"].strip() == "<b>x</b>"

    def test_a_picture(self, kernel):
        text = base64.b64encode(PNG).decode()
        cell = kernel.good(f'println!("EVCXR_BEGIN_CONTENT image/png\\n{text}\\nEVCXR_END_CONTENT");')
        assert cell.displays[0]["image/png"].strip() == text

    def test_several_formats(self, kernel):
        cell = kernel.good(
            'println!("EVCXR_BEGIN_CONTENT text/plain\\nplain\\nEVCXR_END_CONTENT\\nEVCXR_BEGIN_CONTENT text/html\\n<b>h</b>\\nEVCXR_END_CONTENT");'
        )
        formats = {mime: content.strip() for shown in cell.displays for mime, content in shown.items()}
        assert formats.get("text/html") == "<b>h</b>" and "EVCXR" not in cell.stdout, str(cell)

    def test_a_block_that_never_ends_is_not_lost(self, kernel):
        cell = kernel.good('println!("EVCXR_BEGIN_CONTENT text/html\\n<b>open");\nprintln!("more");')
        assert "open" in cell.stdout + json.dumps(cell.displays), str(cell)
        assert kernel.good('println!("next");').stdout == "next\n"
