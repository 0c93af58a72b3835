//! What comments, strings and keywords look like in each language.

/// How a string begins and ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quote {
    pub(crate) open: &'static str,
    pub(crate) close: &'static str,
    /// A backslash takes the next letter's meaning.
    pub(crate) escapes: bool,
    /// The string may go on over the end of the line.
    pub(crate) lines: bool,
    /// Letters at most, where a longer one is no string: `'a'` is a letter, `'a` a lifetime.
    pub(crate) longest: Option<usize>,
}

/// Where the names of values stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    None,
    /// Before `:` at the start of a line.
    Colon,
    /// Before `=` at the start of a line.
    Equals,
    /// Strings before `:`.
    Strings,
}

/// One language, as far as its words have colours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Language {
    pub(crate) line_comments: &'static [&'static str],
    pub(crate) block_comment: Option<(&'static str, &'static str)>,
    pub(crate) quotes: &'static [Quote],
    /// Letters that may stand directly before a string.
    pub(crate) prefixes: &'static [&'static str],
    pub(crate) keywords: &'static [&'static str],
    pub(crate) types: &'static [&'static str],
    pub(crate) commands: &'static [&'static str],
    /// A name before `(` is a function's and a capitalised one a type's.
    pub(crate) calls: bool,
    /// Names may hold dashes.
    pub(crate) dashes: bool,
    pub(crate) any_case: bool,
    pub(crate) keys: Keys,
    /// Signs that mark the word behind them.
    pub(crate) signs: &'static str,
}

const DOUBLE: Quote = Quote { open: "\"", close: "\"", escapes: true, lines: false, longest: None };
const SINGLE: Quote = Quote { open: "'", close: "'", ..DOUBLE };
const LETTER: Quote = Quote { longest: Some(2), ..SINGLE };
const LONG_DOUBLE: Quote = Quote { open: "\"\"\"", close: "\"\"\"", lines: true, ..DOUBLE };
const LONG_SINGLE: Quote = Quote { open: "'''", close: "'''", lines: true, ..DOUBLE };
const TEMPLATE: Quote = Quote { open: "`", close: "`", lines: true, ..DOUBLE };
const MANY_LINES: Quote = Quote { lines: true, ..DOUBLE };
const HASHED: Quote = Quote { open: "#\"", close: "\"#", escapes: false, lines: true, longest: None };
const WORDS: Quote = Quote { open: "'", close: "'", escapes: false, lines: true, longest: None };

const C_LIKE: Language = Language {
    line_comments: &["//"],
    block_comment: Some(("/*", "*/")),
    quotes: &[DOUBLE, SINGLE],
    prefixes: &[],
    keywords: &[],
    types: &[],
    commands: &[],
    calls: true,
    dashes: false,
    any_case: false,
    keys: Keys::None,
    signs: "",
};

const HASH: Language = Language { line_comments: &["#"], block_comment: None, ..C_LIKE };

#[rustfmt::skip]
const RUST: Language = Language {
    quotes: &[MANY_LINES, LETTER, HASHED],
    prefixes: &["b", "c", "r", "br"],
    keywords: &["as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern", "fn", "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "self", "Self", "static", "struct", "super", "trait", "type", "unsafe", "use", "where", "while"],
    types: &["bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "str", "u8", "u16", "u32", "u64", "u128", "usize"],
    signs: "#",
    ..C_LIKE
};
#[rustfmt::skip]
const PYTHON: Language = Language {
    quotes: &[LONG_DOUBLE, LONG_SINGLE, DOUBLE, SINGLE],
    prefixes: &["r", "b", "f", "u", "rb", "fr", "R", "B", "F"],
    keywords: &["and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "match", "nonlocal", "not", "or", "pass", "raise", "return", "self", "try", "while", "with", "yield"],
    types: &["bool", "bytes", "dict", "float", "int", "list", "set", "str", "tuple"],
    signs: "@",
    ..HASH
};
#[rustfmt::skip]
const SCRIPT: Language = Language {
    quotes: &[DOUBLE, SINGLE, TEMPLATE],
    keywords: &["abstract", "as", "async", "await", "break", "case", "catch", "class", "const", "continue", "declare", "default", "delete", "do", "else", "enum", "export", "extends", "finally", "for", "from", "function", "if", "implements", "import", "in", "instanceof", "interface", "let", "new", "of", "private", "protected", "public", "readonly", "return", "satisfies", "static", "super", "switch", "this", "throw", "try", "type", "typeof", "var", "void", "while", "yield"],
    types: &["any", "bigint", "boolean", "never", "number", "string", "symbol", "unknown"],
    signs: "@",
    ..C_LIKE
};
#[rustfmt::skip]
const GO: Language = Language {
    quotes: &[DOUBLE, LETTER, TEMPLATE],
    keywords: &["break", "case", "chan", "const", "continue", "default", "defer", "else", "fallthrough", "for", "func", "go", "goto", "if", "import", "interface", "map", "package", "range", "return", "select", "struct", "switch", "type", "var"],
    types: &["any", "bool", "byte", "error", "float32", "float64", "int", "int32", "int64", "rune", "string", "uint", "uint8", "uint32", "uint64"],
    ..C_LIKE
};
#[rustfmt::skip]
const C: Language = Language {
    keywords: &["auto", "break", "case", "catch", "class", "concept", "const", "constexpr", "continue", "default", "delete", "do", "else", "enum", "explicit", "extern", "final", "for", "friend", "goto", "if", "inline", "mutable", "namespace", "new", "noexcept", "operator", "override", "private", "protected", "public", "requires", "restrict", "return", "sizeof", "static", "static_cast", "struct", "switch", "template", "this", "throw", "try", "typedef", "typename", "union", "using", "virtual", "volatile", "while"],
    types: &["bool", "char", "double", "float", "int", "int32_t", "int64_t", "long", "short", "signed", "size_t", "uint8_t", "uint32_t", "uint64_t", "unsigned", "void"],
    signs: "#",
    ..C_LIKE
};
#[rustfmt::skip]
const JAVA: Language = Language {
    quotes: &[LONG_DOUBLE, DOUBLE, SINGLE],
    keywords: &["abstract", "actor", "as", "async", "await", "break", "by", "case", "catch", "class", "companion", "const", "continue", "data", "default", "defer", "do", "else", "enum", "extends", "extension", "final", "finally", "for", "foreach", "fun", "func", "get", "guard", "if", "implements", "import", "in", "init", "inout", "instanceof", "interface", "internal", "is", "lateinit", "let", "namespace", "native", "new", "null", "object", "open", "operator", "out", "override", "package", "params", "permits", "private", "protected", "protocol", "public", "readonly", "record", "ref", "return", "sealed", "self", "set", "some", "static", "struct", "super", "suspend", "switch", "this", "throw", "throws", "try", "typealias", "using", "val", "var", "virtual", "when", "where", "while", "yield"],
    types: &["boolean", "bool", "byte", "char", "decimal", "double", "float", "int", "long", "short", "string", "void"],
    signs: "@",
    ..C_LIKE
};
#[rustfmt::skip]
const SHELL: Language = Language {
    quotes: &[MANY_LINES, WORDS],
    keywords: &["case", "do", "done", "elif", "else", "esac", "export", "fi", "for", "function", "if", "in", "local", "return", "set", "then", "until", "while"],
    commands: &["apt-get", "awk", "brew", "cargo", "cat", "cd", "chmod", "cp", "curl", "docker", "echo", "exit", "find", "git", "grep", "head", "hearth", "ls", "make", "mkdir", "mv", "node", "npm", "pip", "pnpm", "printf", "pwd", "python", "python3", "rm", "sed", "source", "ssh", "sudo", "systemctl", "tail", "tar", "test", "touch", "uv", "xargs"],
    calls: false,
    dashes: true,
    signs: "$",
    ..HASH
};
#[rustfmt::skip]
const SQL: Language = Language {
    line_comments: &["--"],
    keywords: &["add", "all", "alter", "and", "as", "asc", "begin", "between", "by", "case", "commit", "constraint", "create", "cross", "default", "delete", "desc", "distinct", "drop", "else", "end", "exists", "foreign", "from", "group", "having", "if", "in", "index", "inner", "insert", "into", "is", "join", "key", "left", "like", "limit", "not", "null", "offset", "on", "or", "order", "outer", "partition", "primary", "references", "returning", "right", "rollback", "select", "set", "table", "then", "trigger", "union", "unique", "update", "using", "values", "view", "when", "where", "window", "with"],
    types: &["bigint", "blob", "boolean", "date", "integer", "int", "json", "numeric", "real", "text", "timestamp", "uuid", "varchar"],
    any_case: true,
    ..C_LIKE
};
#[rustfmt::skip]
const RUBY: Language = Language {
    keywords: &["and", "begin", "break", "case", "class", "def", "do", "else", "elsif", "end", "ensure", "for", "if", "in", "include", "local", "function", "module", "next", "not", "or", "raise", "repeat", "require", "rescue", "return", "self", "super", "then", "unless", "until", "when", "while", "yield", "defmodule", "fn"],
    signs: "@",
    ..HASH
};
#[rustfmt::skip]
const HASKELL: Language = Language {
    line_comments: &["--"],
    block_comment: Some(("{-", "-}")),
    quotes: &[DOUBLE, LETTER],
    keywords: &["case", "class", "data", "deriving", "do", "else", "if", "import", "in", "infixl", "infixr", "instance", "let", "module", "newtype", "of", "then", "type", "where"],
    ..C_LIKE
};
#[rustfmt::skip]
const ZIG: Language = Language {
    quotes: &[DOUBLE, LETTER],
    keywords: &["and", "break", "catch", "comptime", "const", "continue", "defer", "else", "enum", "errdefer", "error", "export", "extern", "fn", "for", "if", "inline", "or", "orelse", "packed", "pub", "return", "struct", "switch", "test", "try", "union", "unreachable", "usingnamespace", "var", "while"],
    types: &["anytype", "bool", "f32", "f64", "i32", "i64", "isize", "type", "u8", "u16", "u32", "u64", "usize", "void"],
    signs: "@",
    ..C_LIKE
};
const LUA: Language = Language { line_comments: &["--"], block_comment: Some(("--[[", "]]")), signs: "", ..RUBY };
const PHP: Language = Language { line_comments: &["//", "#"], signs: "$", ..SCRIPT };
const CSS: Language = Language {
    line_comments: &[],
    calls: false,
    dashes: true,
    any_case: true,
    keys: Keys::Colon,
    signs: "@#.",
    ..C_LIKE
};
const SCSS: Language = Language { line_comments: &["//"], signs: "@#.$", ..CSS };
const JSON: Language = Language { calls: false, keys: Keys::Strings, ..C_LIKE };
const YAML: Language = Language { calls: false, dashes: true, keys: Keys::Colon, ..HASH };
const TOML: Language = Language {
    quotes: &[LONG_DOUBLE, LONG_SINGLE, DOUBLE, SINGLE],
    line_comments: &["#", ";"],
    calls: false,
    dashes: true,
    keys: Keys::Equals,
    ..HASH
};
const DOCKER: Language = Language {
    keywords: &[
        "ADD",
        "ARG",
        "AS",
        "CMD",
        "COPY",
        "ENTRYPOINT",
        "ENV",
        "EXPOSE",
        "FROM",
        "HEALTHCHECK",
        "LABEL",
        "RUN",
        "SHELL",
        "USER",
        "VOLUME",
        "WORKDIR",
    ],
    ..SHELL
};
const TEX: Language = Language { line_comments: &["%"], block_comment: None, quotes: &[], signs: "\\", ..C_LIKE };

#[rustfmt::skip]
const LANGUAGES: &[(&[&str], Language)] = &[
    (&["rust", "rs"], RUST),
    (&["python", "py", "python3"], PYTHON),
    (&["javascript", "js", "jsx", "mjs", "typescript", "ts", "tsx"], SCRIPT),
    (&["go", "golang"], GO),
    (&["c", "h", "cpp", "c++", "cc", "hpp", "objc", "cuda", "glsl", "wgsl"], C),
    (&["java", "kotlin", "kt", "swift", "scala", "csharp", "cs", "dart"], JAVA),
    (&["bash", "sh", "shell", "zsh", "fish"], SHELL),
    (&["sql", "sqlite", "postgres"], SQL),
    (&["ruby", "rb", "elixir", "ex", "julia"], RUBY),
    (&["haskell", "hs", "elm"], HASKELL),
    (&["zig"], ZIG),
    (&["lua"], LUA),
    (&["php"], PHP),
    (&["css"], CSS),
    (&["scss", "less"], SCSS),
    (&["json", "json5", "jsonc"], JSON),
    (&["yaml", "yml"], YAML),
    (&["toml", "ini", "conf", "properties", "env"], TOML),
    (&["dockerfile", "docker"], DOCKER),
    (&["makefile", "make", "nix", "r", "perl"], HASH),
    (&["tex", "latex"], TEX),
];

/// One name for each language of the table.
#[cfg(test)]
pub(crate) const NAMES: &[&str] = &[
    "rust", "python", "ts", "go", "c", "swift", "bash", "sql", "ruby", "haskell", "zig", "lua", "php", "css", "scss",
    "json", "yaml", "toml", "docker", "make", "tex",
];

/// Returns the language with this name, in lower case.
pub(crate) fn find(name: &str) -> Option<&'static Language> {
    LANGUAGES.iter().find(|(names, _)| names.contains(&name)).map(|(_, language)| language)
}
