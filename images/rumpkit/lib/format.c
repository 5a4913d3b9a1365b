/*
 * format.c - a printf for code that has no C library.
 */
#include "rumplib.h"

struct output {
	char *to;
	size_t room;    /* for characters, without the NUL */
	size_t wanted;
};

struct conversion {
	bool zero, left, alternate;
	int width, precision;   /* precision -1: none */
	int longs;
};

static void put(struct output *out, char character)
{
	if (out->wanted < out->room)
		out->to[out->wanted] = character;
	out->wanted++;
}

static void put_padded(struct output *out, const struct conversion *how,
    const char *prefix, const char *text, size_t bytes, char pad)
{
	size_t prefix_bytes = strlen(prefix);
	size_t width = how->width > 0 ? (size_t)how->width : 0;
	size_t fill = width > prefix_bytes + bytes ? width - prefix_bytes - bytes : 0;

	if (!how->left && pad == ' ')
		for (; fill; fill--)
			put(out, ' ');
	while (*prefix)
		put(out, *prefix++);
	if (!how->left)
		for (; fill; fill--)
			put(out, '0');
	while (bytes--)
		put(out, *text++);
	for (; fill; fill--)
		put(out, ' ');
}

static void put_number(struct output *out, const struct conversion *how,
    uint64_t value, unsigned base, const char *digits, const char *prefix)
{
	char text[72];
	char *at = text + sizeof(text);
	int shown = 0;
	bool zero_pad = how->zero && !how->left && how->precision < 0;

	while (value || (!shown && how->precision != 0)) {
		*--at = digits[value % base];
		value /= base;
		shown++;
	}
	while (shown < how->precision && shown < 64) {
		*--at = '0';
		shown++;
	}
	put_padded(out, how, prefix, at, (size_t)shown, zero_pad ? '0' : ' ');
}

static uint64_t take_unsigned(va_list *arguments, const struct conversion *how)
{
	return how->longs ? va_arg(*arguments, uint64_t) : va_arg(*arguments, unsigned);
}

static void put_signed(struct output *out, const struct conversion *how, va_list *arguments)
{
	int64_t value = how->longs ? va_arg(*arguments, int64_t) : va_arg(*arguments, int);

	put_number(out, how, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10,
	    "0123456789", value < 0 ? "-" : "");
}

static void put_string(struct output *out, const struct conversion *how, const char *text)
{
	if (!text)
		text = "(null)";
	put_padded(out, how, "", text,
	    how->precision < 0 ? strlen(text) : strnlen(text, (size_t)how->precision), ' ');
}

static void convert(struct output *out, struct conversion *how, char kind, va_list *arguments)
{
	static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
	char character;

	switch (kind) {
	case 'd': case 'i':
		put_signed(out, how, arguments);
		break;
	case 'u':
		put_number(out, how, take_unsigned(arguments, how), 10, lower, "");
		break;
	case 'o':
		put_number(out, how, take_unsigned(arguments, how), 8, lower, how->alternate ? "0" : "");
		break;
	case 'x':
		put_number(out, how, take_unsigned(arguments, how), 16, lower, how->alternate ? "0x" : "");
		break;
	case 'X':
		put_number(out, how, take_unsigned(arguments, how), 16, upper, how->alternate ? "0X" : "");
		break;
	case 'p':
		how->longs = 1;
		put_number(out, how, take_unsigned(arguments, how), 16, lower, "0x");
		break;
	case 'c':
		character = (char)va_arg(*arguments, int);
		put_padded(out, how, "", &character, 1, ' ');
		break;
	case 's':
		put_string(out, how, va_arg(*arguments, const char *));
		break;
	default:
		put(out, kind);
	}
}

static int take_count(const char **format, va_list *arguments)
{
	int count = 0;

	if (**format == '*') {
		(*format)++;
		return va_arg(*arguments, int);
	}
	while (**format >= '0' && **format <= '9')
		count = count * 10 + *(*format)++ - '0';
	return count;
}

static const char *parse(const char *format, struct conversion *how, va_list *arguments)
{
	for (;; format++) {
		if (*format == '0')
			how->zero = true;
		else if (*format == '-')
			how->left = true;
		else if (*format == '#')
			how->alternate = true;
		else
			break;
	}
	how->width = take_count(&format, arguments);
	if (how->width < 0) {
		how->left = true;
		how->width = -how->width;
	}
	how->precision = -1;
	if (*format == '.') {
		format++;
		how->precision = take_count(&format, arguments);
	}
	for (; *format == 'l' || *format == 'z' || *format == 'h' || *format == 'j' ||
	    *format == 't'; format++)
		how->longs += *format != 'h';
	return format;
}

int lib_vsnprintf(char *to, size_t bytes, const char *format, va_list arguments)
{
	struct output out = { to, bytes ? bytes - 1 : 0, 0 };
	va_list copy;

	va_copy(copy, arguments);
	for (; *format; format++) {
		struct conversion how = { 0 };

		if (*format != '%') {
			put(&out, *format);
			continue;
		}
		format = parse(format + 1, &how, &copy);
		if (!*format)
			break;
		convert(&out, &how, *format, &copy);
	}
	va_end(copy);
	if (bytes)
		to[out.wanted < out.room ? out.wanted : out.room] = '\0';
	return (int)out.wanted;
}

int lib_snprintf(char *to, size_t bytes, const char *format, ...)
{
	va_list arguments;
	int wanted;

	va_start(arguments, format);
	wanted = lib_vsnprintf(to, bytes, format, arguments);
	va_end(arguments);
	return wanted;
}
