"""The kernel as the protocol's own test suite sees it."""

import base64
import os

import jupyter_kernel_test

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
KERNEL = os.environ.get("THREADBOOK_TEST_KERNEL", "threadbook")


class TestKernel(jupyter_kernel_test.KernelTests):
    """Everything but the pager, which the kernel does not use."""

    kernel_name = KERNEL
    language_name = "rust"
    file_extension = ".rs"
    code_hello_world = 'println!("hello, world");'
    code_stderr = 'eprintln!("oops");'
    completion_samples = [
        {"text": "%vari"},
        {"text": "%var", "matches": {"%vars"}},
        {"text": ":expl", "matches": {":explain"}},
        {"text": "let v = Vec::<u8>::with_capa", "matches": {"with_capacity"}},
        {"text": "std::thread::spaw", "matches": {"spawn"}},
        {"text": "printl", "matches": {"println!"}},
    ]
    complete_code_samples = [
        "1 + 1",
        "let x = 5;",
        "fn f() { println!(\"x\"); }",
        "// a comment",
        "",
        "%vars",
        "struct S;",
        "for i in 0..3 {\n    println!(\"{i}\");\n}",
        "let s = \"a { b\";",
    ]
    incomplete_code_samples = [
        "fn f() {",
        "let x = (1,",
        "vec![1, 2,",
        "let s = \"open",
        "/* open",
        "struct S {\n    x: u8,",
        "if true {\n    1\n} else {",
        "let x =",
        "1 +",
        "let r = r#\"raw",
    ]
    invalid_code_samples = ["let x = 5 }", "fn f() )", "let = 3;", "struct 5;"]
    code_generate_error = 'panic!("oops")'
    code_execute_result = [
        {"code": "1 + 2 + 3", "result": "6"},
        {"code": '"text"', "result": '"text"'},
        {"code": "vec![Some(1.5), None]", "result": "[Some(1.5), None]"},
        {"code": "(1, 'c', true)", "result": "(1, 'c', true)"},
        {"code": 'Html("<b>x</b>")', "result": "<b>x</b>", "mime": "text/html"},
    ]
    code_display_data = [
        {"code": 'display(&Html("<b>x</b>"));', "mime": "text/html"},
        {"code": 'display(&Svg("<svg/>"));', "mime": "image/svg+xml"},
        {"code": f"display(&Png(vec!{list(PIXEL)}));", "mime": "image/png"},
        {"code": "display(&Jpeg([255u8, 216]));", "mime": "image/jpeg"},
        {"code": 'display(&Markdown("**x**"));', "mime": "text/markdown"},
        {"code": 'display(&Latex("$x$"));', "mime": "text/latex"},
        {"code": "display(&Json(serde_json::json!([1])));", "mime": "application/json"},
        {"code": "show!(5);", "mime": "text/plain"},
    ]
    code_history_pattern = "1?+*+ 3"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "Vec"
    code_clear_output = "clear_output(false);"


class TestIopubWelcome(jupyter_kernel_test.IopubWelcomeTests):
    kernel_name = KERNEL
    support_iopub_welcome = True


# Imported only to be subclassed; pytest would run them against Python's kernel.
del jupyter_kernel_test
