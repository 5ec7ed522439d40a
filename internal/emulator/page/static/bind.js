// Bindings of Flow JSON. A value is either a literal, one whole binding (${data.x}, ${form.x}, ${screen.ID.data.x},
// ${screen.ID.form.x}), or an expression between back-ticks that may mix bindings, literals and operators.
//
// A scope is { data, form, screens }, with screens mapping an id to { data, form }.

const wholeBinding = /^\$\{([^}]+)\}$/;

/** Follows a binding's path; undefined where nothing is there. */
function lookup(path, scope) {
  const parts = path.trim().split(".");
  let at = parts[0] === "screen" ? scope.screens?.[parts[1]] : scope;
  const rest = parts[0] === "screen" ? parts.slice(2) : parts;
  for (const part of rest) {
    if (at == null || !Object.hasOwn(at, part)) return undefined;
    at = at[part];
  }
  return at;
}

/** Resolves every binding in a value, in depth. */
export function resolve(value, scope) {
  if (typeof value === "string") {
    const whole = value.match(wholeBinding);
    if (whole) return lookup(whole[1], scope);
    if (value.length > 1 && value.startsWith("`") && value.endsWith("`")) return evaluate(value.slice(1, -1), scope);
    return value;
  }
  if (Array.isArray(value)) return value.map((v) => resolve(v, scope));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, resolve(v, scope)]));
  }
  return value;
}

/** Evaluates the condition of an If: an expression, with or without back-ticks. */
export function condition(text, scope) {
  if (typeof text !== "string") return Boolean(text);
  return truthy(evaluate(text.replace(/^`|`$/g, ""), scope));
}

const truthy = (v) => v === true || v === "true" || (typeof v === "number" && v !== 0);
const asText = (v) => (v == null ? "" : String(v));

const token = /\s*(\$\{[^}]+\}|'(?:[^'\\]|\\.)*'|\d+(?:\.\d+)?|true\b|false\b|==|!=|<=|>=|&&|\|\||[!<>+\-*/%()])/y;

function tokenize(text) {
  const tokens = [];
  token.lastIndex = 0;
  while (token.lastIndex < text.trimEnd().length) {
    const found = token.exec(text);
    if (!found) throw new Error("This expression cannot be read: " + text);
    tokens.push(found[1]);
  }
  return tokens;
}

// Operators by rising precedence. Two operands side by side are joined as text: that binds tighter than a comparison.
const levels = [
  { "||": (a, b) => truthy(a) || truthy(b) },
  { "&&": (a, b) => truthy(a) && truthy(b) },
  { "==": (a, b) => a === b, "!=": (a, b) => a !== b },
  { "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b },
  { "+": (a, b) => Number(a) + Number(b), "-": (a, b) => a - b },
  { "*": (a, b) => a * b, "/": (a, b) => a / b, "%": (a, b) => a % b },
];

/** Evaluates one expression by precedence climbing. No eval: the page's policy forbids it, and rightly. */
export function evaluate(text, scope) {
  const tokens = tokenize(text);
  let at = 0;

  const primary = () => {
    const t = tokens[at++];
    if (t === undefined) throw new Error("This expression ends too early: " + text);
    if (t === "(") {
      const inner = binary(0);
      if (tokens[at++] !== ")") throw new Error("A bracket is missing: " + text);
      return inner;
    }
    if (t === "!") return !truthy(primary());
    if (t === "-") return -primary();
    if (t === "true" || t === "false") return t === "true";
    if (t.startsWith("${")) return lookup(t.slice(2, -1), scope);
    if (t.startsWith("'")) return t.slice(1, -1).replace(/\\(.)/g, "$1");
    return Number(t);
  };
  const startsOperand = (t) => t !== undefined && /^(\$\{|'|\d|true|false|\()/.test(t);
  const joined = () => {
    let left = primary();
    while (startsOperand(tokens[at])) left = asText(left) + asText(primary());
    return left;
  };
  const binary = (level) => {
    if (level === levels.length) return joined();
    let left = binary(level + 1);
    while (Object.hasOwn(levels[level], tokens[at] ?? "")) {
      const apply = levels[level][tokens[at++]];
      left = apply(left, binary(level + 1));
    }
    return left;
  };

  const result = binary(0);
  if (at !== tokens.length) throw new Error("This expression has too much at its end: " + text);
  return result;
}
