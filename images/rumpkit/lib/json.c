/*
 * json.c - reading JSON in place (RFC 8259), without allocating.
 *
 * Only what a configuration needs: a cursor over members.  Nested values are skipped
 * by counting brackets outside strings, so depth costs no stack.
 */
#include "rumplib.h"

/* Characters by kind, a bit each: under TCG each branch is a block to translate. */
#define BIT(c) (1ull << ((c) & 63))
#define SPACE (BIT(' ') | BIT('\t') | BIT('\n') | BIT('\r'))
#define BETWEEN (SPACE | BIT(',') | BIT(':'))

static bool is_one_of(char c, uint64_t low, uint64_t high)
{
	return (unsigned char)c < 128 && (c & 64 ? high : low) & BIT(c);
}

static void skip_space(struct lib_json *json)
{
	while (json->at < json->end && is_one_of(*json->at, BETWEEN, 0))
		json->at++;
}

/* From behind the opening quote to behind the closing one. */
static const char *string_end(const char *at, const char *end)
{
	while (at < end && *at != '"')
		at += *at == '\\' ? 2 : 1;
	return at < end ? at + 1 : end;
}

static const char *nested_end(const char *at, const char *end)
{
	int depth = 0;

	while (at < end) {
		char c = *at++;

		if (c == '"')
			at = string_end(at, end);
		c |= '{' ^ '['; /* both brackets that open, and both that close, differ by this bit */
		if (c == '{')
			depth++;
		else if (c == '}' && --depth == 0)
			break;
	}
	return at;
}

static bool take_value(struct lib_json *json, struct lib_json_value *value)
{
	const char *start;

	skip_space(json);
	if (json->at >= json->end || *json->at == '}' || *json->at == ']')
		return false;
	start = json->at;
	value->type = *start;
	if (*start == '"') {
		json->at = string_end(start + 1, json->end);
		value->text = start + 1;
		value->bytes = (size_t)(json->at - start) - 1;
		if (value->bytes)
			value->bytes--; /* the closing quote */
		return true;
	}
	if (*start == '{' || *start == '[') {
		json->at = nested_end(start, json->end);
	} else {
		while (json->at < json->end && !is_one_of(*json->at, BETWEEN, BIT('}') | BIT(']')))
			json->at++;
		if (*start == '-' || (*start >= '0' && *start <= '9'))
			value->type = '0';
	}
	value->text = start;
	value->bytes = (size_t)(json->at - start);
	return json->at > start;
}

bool lib_json_open(struct lib_json *json, const char *text, size_t bytes)
{
	json->at = text;
	json->end = text + bytes;
	skip_space(json);
	if (json->at >= json->end || (*json->at != '{' && *json->at != '['))
		return false;
	/* The type of container is remembered by where it is: just before at. */
	json->end = nested_end(json->at, json->end);
	json->at++;
	return true;
}

bool lib_json_next(struct lib_json *json, struct lib_json_value *key,
    struct lib_json_value *value)
{
	const char *separator;

	*key = (struct lib_json_value){ "", 0, 0 };
	if (!take_value(json, value))
		return false;
	separator = json->at;
	while (separator < json->end && is_one_of(*separator, SPACE, 0))
		separator++;
	if (value->type == '"' && separator < json->end && *separator == ':') {
		*key = *value;
		return take_value(json, value);
	}
	return true;
}

bool lib_json_is(const struct lib_json_value *key, const char *name)
{
	size_t i = 0;

	while (i < key->bytes && name[i] == key->text[i] && name[i])
		i++;
	return i == key->bytes && !name[i];
}

static unsigned hex4(const char *at)
{
	unsigned value = 0;

	for (int i = 0; i < 4; i++) {
		char c = at[i];

		value = value * 16 + (unsigned)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
	}
	return value;
}

static size_t utf8(unsigned code, char out[4])
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 63));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 63));
		out[2] = (char)(0x80 | (code & 63));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 63));
	out[2] = (char)(0x80 | (code >> 6 & 63));
	out[3] = (char)(0x80 | (code & 63));
	return 4;
}

/* One character, unescaped; returns where the next one begins. */
static const char *unescape(const char *at, const char *end, char out[4], size_t *bytes)
{
	static const char from[] = "nrtbf", to[] = "\n\r\t\b\f";
	const char *known;
	unsigned code;

	*bytes = 1;
	if (*at != '\\' || at + 1 >= end) {
		out[0] = *at;
		return at + 1;
	}
	at++;
	if (*at == 'u' && at + 5 <= end) {
		code = hex4(at + 1);
		at += 5;
		if (code >> 10 == 0x36 && at + 6 <= end && at[0] == '\\') {
			code = 0x10000 + ((code & 0x3ff) << 10) + (hex4(at + 2) & 0x3ff);
			at += 6;
		}
		*bytes = utf8(code, out);
		return at;
	}
	known = strchr(from, *at);
	out[0] = known && *at ? to[known - from] : *at;
	return at + 1;
}

size_t lib_json_string(const struct lib_json_value *value, char *to, size_t bytes)
{
	const char *at = value->text, *end = at + value->bytes;
	size_t length = 0;

	while (at < end) {
		char out[4];
		size_t got;

		at = unescape(at, end, out, &got);
		for (size_t i = 0; i < got; i++, length++)
			if (length + 1 < bytes)
				to[length] = out[i];
	}
	if (bytes)
		to[length < bytes ? length : bytes - 1] = '\0';
	return length;
}

uint64_t lib_json_number(const struct lib_json_value *value)
{
	uint64_t number = 0;

	for (size_t i = 0; i < value->bytes && value->text[i] >= '0' && value->text[i] <= '9'; i++)
		number = number * 10 + (uint64_t)(value->text[i] - '0');
	return number;
}
