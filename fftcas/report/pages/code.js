// Highlighting of SQL with Jinja, and of Python.

const SQL_WORDS = new Set(("select from where group by order having limit offset join left right inner outer full cross on using as with " +
  "recursive union all except intersect distinct case when then else end and or not in is null like ilike between exists over partition " +
  "rows range window filter qualify values cast create table view true false interval asc desc nulls first last lateral unnest pivot").split(" "));
const PYTHON_WORDS = new Set(("def return import from as if elif else for while in not and or is None True False with try except finally raise " +
  "class lambda yield pass break continue global nonlocal assert del async await").split(" "));
const SQL_TOKENS = /(\{#[\s\S]*?#\}|--[^\n]*|\/\*[\s\S]*?\*\/)|(\{\{[\s\S]*?\}\}|\{%[\s\S]*?%\})|('(?:[^']|'')*')|(@?[\w]*\/\/[\w./-]*:[\w.-]+)|(\b\d+(?:\.\d+)?\b)|([A-Za-z_]\w*)|("(?:[^"]|"")*")/g;
const PYTHON_TOKENS = /(#[^\n]*)|(@[\w.]+)|("""[\s\S]*?"""|'''[\s\S]*?'''|[rbf]?"(?:[^"\\\n]|\\.)*"|[rbf]?'(?:[^'\\\n]|\\.)*')|(\0)|(\b\d+(?:\.\d+)?\b)|([A-Za-z_]\w*)/g;

function highlighted(text, kind) {
  const sql = kind === "sql";
  const words = sql ? SQL_WORDS : PYTHON_WORDS;
  const pieces = [];
  let position = 0;
  for (const match of text.matchAll(sql ? SQL_TOKENS : PYTHON_TOKENS)) {
    const [whole, comment, template, string, label, number, word] = match;
    const style = comment ? "c" : template ? "t" : string ? "s" : label ? "l" : number ? "n"
      : word && words.has(sql ? word.toLowerCase() : word) ? "k" : "";
    if (!style) continue;
    pieces.push(text.slice(position, match.index), element("span", { class: style }, whole));
    position = match.index + whole.length;
  }
  return element("pre", { tabindex: "0" }, element("code", {}, [...pieces, text.slice(position)]));
}
