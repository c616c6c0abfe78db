/* SPDX-License-Identifier: Apache-2.0 */
/* The lexer. It knows what people write by habit from other languages, and says what to write. */
#include "engine/cel_lex.h"

#include "base/parse.h"

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_start(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name_char(int c)
{
    return is_name_start(c) || is_digit(c);
}

static int hex_digit(int c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte at offset `ahead` from where the lexer stands; -1 past the end. */
static int peek(const struct cel_lexer *l, size_t ahead)
{
    return l->at + ahead < l->text.len ? (unsigned char)l->text.ptr[l->at + ahead] : -1;
}

static struct str rest_of_word(const struct cel_lexer *l)
{
    size_t end = l->at;

    while (end < l->text.len && is_name_char((unsigned char)l->text.ptr[end]))
        end++;
    return (struct str){l->text.ptr + l->at, end - l->at};
}

static void skip_space(struct cel_lexer *l)
{
    for (;;) {
        int c = peek(l, 0);

        if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f') {
            l->at++;
        } else if (c == '/' && peek(l, 1) == '/') {
            while (peek(l, 0) != -1 && peek(l, 0) != '\n')
                l->at++;
        } else {
            return;
        }
    }
}

static size_t utf8_write(char *to, uint32_t c)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xc0 | c >> 6);
        to[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char)(0xe0 | c >> 12);
        to[1] = (char)(0x80 | (c >> 6 & 0x3f));
        to[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | c >> 18);
    to[1] = (char)(0x80 | (c >> 12 & 0x3f));
    to[2] = (char)(0x80 | (c >> 6 & 0x3f));
    to[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* Reads `n` digits of an escape in base 8 or 16; -1 if they are not there. */
static int64_t escape_digits(struct cel_lexer *l, int n, int base)
{
    int64_t v = 0;

    for (int i = 0; i < n; i++) {
        int d = hex_digit(peek(l, 0));

        if (d < 0 || d >= base)
            return -1;
        v = v * base + d;
        l->at++;
    }
    return v;
}

static int simple_escape(int c)
{
    static const char from[] = "abfnrtv\\'\"`?", to[] = "\a\b\f\n\r\t\v\\'\"`?";
    const char *at = c > 0 ? strchr(from, c) : NULL;

    return at ? to[at - from] : -1;
}

/* One escape sequence, the lexer standing behind its backslash. */
static int lex_escape(struct cel_lexer *l, char *to, size_t *ret_n)
{
    size_t at = l->at - 1;
    int c = peek(l, 0);
    int64_t code;

    if (simple_escape(c) >= 0) {
        l->at++;
        to[0] = (char)simple_escape(c);
        *ret_n = 1;
        return 0;
    }
    if (c >= '0' && c <= '3') {
        code = escape_digits(l, 3, 8);
    } else {
        l->at++;
        code = c == 'x' || c == 'X' ? escape_digits(l, 2, 16)
               : c == 'u'           ? escape_digits(l, 4, 16)
               : c == 'U'           ? escape_digits(l, 8, 16)
                                    : -1;
    }
    if (code < 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
        cel_report(l->report, at,
                   "no such escape sequence; write \\n, \\t, \\\", \\', \\\\ or \\u00e9, or "
                   "r\"...\" for text with plain backslashes");
        return CEL_E_INVALID;
    }
    *ret_n = utf8_write(to, (uint32_t)code);
    return 0;
}

static bool at_quotes(const struct cel_lexer *l, int quote, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (peek(l, i) != quote)
            return false;
    }
    return true;
}

/* The lexer stands on the opening quote; token->at is set. */
static int lex_string(struct cel_lexer *l, bool is_raw, struct cel_token *token)
{
    int quote = peek(l, 0);
    size_t n_quotes = at_quotes(l, quote, 3) ? 3 : 1, n = 0, added;
    char to[CEL_TEXT_MAX]; /* no escape is shorter than what it stands for */

    for (l->at += n_quotes; !at_quotes(l, quote, n_quotes);) {
        int c = peek(l, 0);

        if (c == -1 || (n_quotes == 1 && (c == '\n' || c == '\r'))) {
            cel_report(l->report, token->at, "this text has no closing %s",
                       n_quotes == 3  ? "triple quote"
                       : quote == '"' ? "double quote (\")"
                                      : "single quote (')");
            return CEL_E_INVALID;
        }
        l->at++;
        if (c != '\\' || is_raw) {
            to[n++] = (char)c;
            continue;
        }
        if (lex_escape(l, to + n, &added))
            return CEL_E_INVALID;
        n += added;
    }
    l->at += n_quotes;
    token->kind = CEL_TOKEN_STRING;
    token->text = cel_keep_str(l->program, (struct str){to, n});
    return 0;
}

static int number_suffix(struct cel_lexer *l, const struct cel_token *token)
{
    struct str word = rest_of_word(l), number = {l->text.ptr + token->at, l->at - token->at};

    if (!word.len)
        return 0;
    if (str_eq(word, STR("u")) || str_eq(word, STR("U"))) {
        cel_report(l->report, token->at, "unsigned numbers are not supported; write %.*s",
                   STR_ARG(number));
    } else if (word.len <= 2 && strchr("smhdw", word.ptr[0])) {
        cel_report(l->report, token->at, "a duration is written duration(\"%.*s%.*s\")",
                   STR_ARG(number), STR_ARG(word));
    } else {
        cel_report(l->report, l->at, "a number cannot be followed by `%.*s`", STR_ARG(word));
    }
    return CEL_E_INVALID;
}

static int too_large(struct cel_lexer *l, const struct cel_token *token)
{
    cel_report(l->report, token->at, "the number is too large (an int has 64 bits)");
    return CEL_E_INVALID;
}

static int lex_hex(struct cel_lexer *l, struct cel_token *token)
{
    token->kind = CEL_TOKEN_INT;
    token->magnitude = 0;
    for (l->at += 2; hex_digit(peek(l, 0)) >= 0; l->at++) {
        if (token->magnitude >> 60)
            return too_large(l, token);
        token->magnitude = token->magnitude << 4 | (unsigned)hex_digit(peek(l, 0));
    }
    return number_suffix(l, token);
}

static int lex_int(struct cel_lexer *l, struct cel_token *token)
{
    token->kind = CEL_TOKEN_INT;
    token->magnitude = 0;
    for (size_t i = token->at; i < l->at; i++) {
        uint64_t digit = (uint64_t)(l->text.ptr[i] - '0');

        if (token->magnitude > (UINT64_MAX - digit) / 10)
            return too_large(l, token);
        token->magnitude = token->magnitude * 10 + digit;
    }
    return number_suffix(l, token);
}

static void skip_digits(struct cel_lexer *l)
{
    while (is_digit(peek(l, 0)))
        l->at++;
}

static int lex_number(struct cel_lexer *l, struct cel_token *token)
{
    bool is_real = false;
    size_t sign;

    if (peek(l, 0) == '0' && (peek(l, 1) == 'x' || peek(l, 1) == 'X') && hex_digit(peek(l, 2)) >= 0)
        return lex_hex(l, token);
    skip_digits(l);
    if (peek(l, 0) == '.' && is_digit(peek(l, 1))) {
        is_real = true;
        l->at++;
        skip_digits(l);
    }
    sign = peek(l, 1) == '+' || peek(l, 1) == '-';
    if ((peek(l, 0) == 'e' || peek(l, 0) == 'E') && is_digit(peek(l, 1 + sign))) {
        is_real = true;
        l->at += 1 + sign;
        skip_digits(l);
    }
    if (!is_real)
        return lex_int(l, token);
    token->kind = CEL_TOKEN_DOUBLE;
    if (parse_double((struct str){l->text.ptr + token->at, l->at - token->at}, &token->real)) {
        cel_report(l->report, token->at, "the number is too large, or has more than 64 characters");
        return CEL_E_INVALID;
    }
    return number_suffix(l, token);
}

bool cel_is_reserved(struct str word)
{
    static const char *const words[] = {
        "as",  "break", "const",     "continue", "else",   "for", "function", "if",   "import",
        "let", "loop",  "namespace", "package",  "return", "var", "void",     "while"};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (str_eq(word, str_of(words[i])))
            return true;
    }
    return false;
}

static int lex_word(struct cel_lexer *l, struct cel_token *token)
{
    struct str word = rest_of_word(l);

    l->at += word.len;
    token->text = word;
    token->kind = str_eq(word, STR("true"))    ? CEL_TOKEN_TRUE
                  : str_eq(word, STR("false")) ? CEL_TOKEN_FALSE
                  : str_eq(word, STR("null"))  ? CEL_TOKEN_NULL
                  : str_eq(word, STR("in"))    ? CEL_TOKEN_IN
                                               : CEL_TOKEN_NAME;
    return 0;
}

/* Prefixes of strings: r"..." is raw, b"..." (bytes) is refused. */
static bool is_string_prefix(const struct cel_lexer *l, bool *ret_raw, bool *ret_bytes)
{
    size_t n = 0;

    *ret_raw = *ret_bytes = false;
    for (; n < 2; n++) {
        int c = peek(l, n);

        if ((c == 'r' || c == 'R') && !*ret_raw)
            *ret_raw = true;
        else if ((c == 'b' || c == 'B') && !*ret_bytes)
            *ret_bytes = true;
        else
            break;
    }
    return n && (peek(l, n) == '"' || peek(l, n) == '\'');
}

static const struct {
    const char *text;
    enum cel_token_kind kind;
    const char *slip; /* not CEL: what to write */
} marks[] = {
    {"===", CEL_TOKEN_END, "equality is written =="},
    {"!==", CEL_TOKEN_END, "inequality is written !="},
    {"==", CEL_TOKEN_EQ, NULL},
    {"!=", CEL_TOKEN_NE, NULL},
    {"<>", CEL_TOKEN_END, "inequality is written !="},
    {"=<", CEL_TOKEN_END, "\"at most\" is written <="},
    {"=>", CEL_TOKEN_END, "\"at least\" is written >="},
    {"=~", CEL_TOKEN_END,
     "regular expressions are not supported; use contains(), startsWith() or "
     "endsWith()"},
    {"<=", CEL_TOKEN_LE, NULL},
    {">=", CEL_TOKEN_GE, NULL},
    {"&&", CEL_TOKEN_AND, NULL},
    {"||", CEL_TOKEN_OR, NULL},
    {"**", CEL_TOKEN_END, "there is no power operator; write x * x"},
    {"=", CEL_TOKEN_END, "`=` assigns nothing here; equality is written =="},
    {"&", CEL_TOKEN_END, "a single & is not used here; \"and\" is written &&"},
    {"|", CEL_TOKEN_END, "a single | is not used here; \"or\" is written ||"},
    {"{", CEL_TOKEN_END, "maps and messages are not supported; a list is written [1, 2]"},
    {"}", CEL_TOKEN_END, "maps and messages are not supported; a list is written [1, 2]"},
    {";", CEL_TOKEN_END, "one expression only: no `;`; conditions are joined by && or ||"},
    {"^", CEL_TOKEN_END, "there is no `^`; write x * x, or a != b for \"either, not both\""},
    {"$", CEL_TOKEN_END, "names are written without `$`"},
    {"@", CEL_TOKEN_END, "names are written without `@`"},
    {"#", CEL_TOKEN_END, "a comment begins with //"},
    {"`", CEL_TOKEN_END, "text is written in \"double\" or 'single' quotes"},
    {"<", CEL_TOKEN_LT, NULL},
    {">", CEL_TOKEN_GT, NULL},
    {"!", CEL_TOKEN_NOT, NULL},
    {"(", CEL_TOKEN_OPEN, NULL},
    {")", CEL_TOKEN_CLOSE, NULL},
    {"[", CEL_TOKEN_OPEN_LIST, NULL},
    {"]", CEL_TOKEN_CLOSE_LIST, NULL},
    {".", CEL_TOKEN_DOT, NULL},
    {",", CEL_TOKEN_COMMA, NULL},
    {"?", CEL_TOKEN_QUESTION, NULL},
    {":", CEL_TOKEN_COLON, NULL},
    {"+", CEL_TOKEN_PLUS, NULL},
    {"-", CEL_TOKEN_MINUS, NULL},
    {"*", CEL_TOKEN_STAR, NULL},
    {"/", CEL_TOKEN_SLASH, NULL},
    {"%", CEL_TOKEN_PERCENT, NULL},
    {"\xe2\x80\x9c", CEL_TOKEN_END, "text is written in straight quotes: \"...\""},
    {"\xe2\x80\x9d", CEL_TOKEN_END, "text is written in straight quotes: \"...\""},
    {"\xe2\x80\x98", CEL_TOKEN_END, "text is written in straight quotes: '...'"},
    {"\xe2\x80\x99", CEL_TOKEN_END, "text is written in straight quotes: '...'"},
    {"\xe2\x80\x93", CEL_TOKEN_END, "this is a dash; minus is written -"},
    {"\xe2\x88\x92", CEL_TOKEN_END, "minus is written -"},
    {"\xe2\x89\xa4", CEL_TOKEN_END, "\"at most\" is written <="},
    {"\xe2\x89\xa5", CEL_TOKEN_END, "\"at least\" is written >="},
    {"\xe2\x89\xa0", CEL_TOKEN_END, "inequality is written !="},
    {"\xc2\xa0", CEL_TOKEN_END, "this is a no-break space; write a plain one"},
};

static int lex_mark(struct cel_lexer *l, struct cel_token *token)
{
    struct str rest = {l->text.ptr + l->at, l->text.len - l->at};
    size_t n = 1;

    for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
        struct str mark = str_of(marks[i].text);

        if (!str_starts(rest, mark))
            continue;
        if (marks[i].slip) {
            cel_report(l->report, l->at, "%s", marks[i].slip);
            return CEL_E_INVALID;
        }
        token->kind = marks[i].kind;
        l->at += mark.len;
        return 0;
    }
    while (n < rest.len && ((unsigned char)rest.ptr[n] & 0xc0) == 0x80)
        n++;
    cel_report(l->report, l->at, "`%.*s` means nothing here; text is written in \"quotes\"", (int)n,
               rest.ptr);
    return CEL_E_INVALID;
}

static int lex_token(struct cel_lexer *l, struct cel_token *token)
{
    int c = peek(l, 0);
    bool is_raw, is_bytes;

    if (c == -1)
        return 0;
    if (is_digit(c) || (c == '.' && is_digit(peek(l, 1))))
        return lex_number(l, token);
    if (c == '"' || c == '\'')
        return lex_string(l, false, token);
    if (is_string_prefix(l, &is_raw, &is_bytes)) {
        if (is_bytes) {
            cel_report(l->report, l->at, "bytes are not supported; write the text without b");
            return CEL_E_INVALID;
        }
        l->at++;
        return lex_string(l, true, token);
    }
    return is_name_start(c) ? lex_word(l, token) : lex_mark(l, token);
}

int cel_lex(struct cel_lexer *l, struct cel_token *ret_token)
{
    struct cel_token token = {.kind = CEL_TOKEN_END};
    int r;

    skip_space(l);
    token.at = l->at;
    r = lex_token(l, &token);
    if (r)
        return r;
    token.end = l->at;
    *ret_token = token;
    return 0;
}
