/*
 * rc_config.c - the programs that the configuration names.
 *
 * The keys are those that upstream documents: "cmdline", or "rc", a list of programs
 * with "bin", "argv", "workdir" and "runmode"; and "env", once for each variable.
 */
#include "rc.h"
#include "rumplib.h"

static int add_value(struct kern_strings *strings, const struct lib_json_value *value,
    unsigned *count)
{
	/* Escaped it is never shorter. */
	char *text = kern_alloc(value->bytes + 1);
	int error = text ? 0 : -ENOMEM;

	if (!error)
		error = kern_strings_add(strings, text,
		    lib_json_string(value, text, value->bytes + 1));
	if (!error)
		++*count;
	kern_free(text);
	return error;
}

/* "cmdline": words separated by blanks, as upstream splits it. */
static int add_words(struct kern_rc_entry *entry, const char *text)
{
	int error = 0;

	while (*text && !error) {
		const char *end;

		while (*text == ' ')
			text++;
		for (end = text; *end && *end != ' '; end++)
			;
		if (end == text)
			break;
		error = kern_strings_add(&entry->strings, text, (size_t)(end - text));
		entry->strings.arguments++;
		text = end;
	}
	lib_strlcpy(entry->path, entry->strings.text ? entry->strings.text : "", KERN_RC_PATH_BYTES);
	return error;
}

static int read_entry(struct kern_rc_entry *entry, const struct lib_json_value *object)
{
	struct lib_json members, items;
	struct lib_json_value key, value, item;
	char mode[2] = "";
	int error = 0;

	if (!lib_json_open(&members, object->text, object->bytes))
		return -EINVAL;
	while (!error && lib_json_next(&members, &key, &value)) {
		if (lib_json_is(&key, "bin"))
			lib_json_string(&value, entry->path, KERN_RC_PATH_BYTES);
		else if (lib_json_is(&key, "workdir"))
			lib_json_string(&value, entry->directory, KERN_RC_PATH_BYTES);
		else if (lib_json_is(&key, "runmode"))
			lib_json_string(&value, mode, sizeof(mode));
		else if (lib_json_is(&key, "argv") && lib_json_open(&items, value.text, value.bytes))
			while (!error && lib_json_next(&items, &key, &item))
				error = add_value(&entry->strings, &item, &entry->strings.arguments);
	}
	entry->mode = mode[0];
	return error;
}

static int read_programs(struct kern_rc_entry *entries, unsigned most, const char *config)
{
	struct lib_json members, programs;
	struct lib_json_value key, value, object;
	unsigned count = 0;
	char line[1024];
	int error = 0;

	if (!lib_json_open(&members, config, strlen(config)))
		return 0;
	while (!error && lib_json_next(&members, &key, &value)) {
		if (lib_json_is(&key, "cmdline") && count < most) {
			lib_json_string(&value, line, sizeof(line));
			error = add_words(&entries[count++], line);
		} else if (lib_json_is(&key, "rc") &&
		    lib_json_open(&programs, value.text, value.bytes)) {
			while (!error && lib_json_next(&programs, &key, &object))
				if (count++ < most)
					error = read_entry(&entries[count - 1], &object);
		}
	}
	if (count > most)
		rumpuser_dprintf("rumpkit: the configuration has %u programs; the first %u are run\n",
		    count, most);
	return error ? error : (int)(count < most ? count : most);
}

static bool has_variable(const struct kern_strings *strings, const char *name)
{
	const char *text = strings->text;
	size_t bytes = strlen(name);

	for (unsigned i = 0; i < strings->arguments + strings->variables; i++) {
		if (i >= strings->arguments && !strncmp(text, name, bytes))
			return true;
		text += strlen(text) + 1;
	}
	return false;
}

/* A program of a root file system looks for others, and for its user's folder. */
static int add_defaults(struct kern_strings *strings)
{
	static const char *const defaults[][2] = {
		{ "PATH=", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
		{ "HOME=", "HOME=/root" },
	};
	int error = 0;

	if (rumpcomp_program_entry())
		return 0;
	for (unsigned i = 0; i < sizeof(defaults) / sizeof(*defaults) && !error; i++) {
		if (has_variable(strings, defaults[i][0]))
			continue;
		error = kern_strings_add(strings, defaults[i][1], strlen(defaults[i][1]));
		strings->variables++;
	}
	return error;
}

static int read_environment(struct kern_strings *strings, const char *config)
{
	struct lib_json members;
	struct lib_json_value key, value;
	int error = 0;

	if (!lib_json_open(&members, config, strlen(config)))
		return 0;
	while (!error && lib_json_next(&members, &key, &value))
		if (lib_json_is(&key, "env") && value.type == '"')
			error = add_value(strings, &value, &strings->variables);
	return error;
}

/* What an entry leaves open: argv[0], and the environment that all have. */
static int complete(struct kern_rc_entry *entry, const char *config)
{
	struct kern_strings *strings = &entry->strings;
	const char *name = entry->path[0] ? entry->path : "program";
	int error = 0;

	if (!strings->arguments) {
		error = kern_strings_add(strings, name, strlen(name));
		strings->arguments = 1;
	}
	if (!error)
		error = read_environment(strings, config);
	return error ? error : add_defaults(strings);
}

int kern_rc_read(struct kern_rc_entry *entries, unsigned most)
{
	const char *config = rumpcomp_config();
	int count = read_programs(entries, most, config), error = 0;

	/* Without a word about it, an image's own program runs. */
	if (!count)
		count = 1;
	for (int i = 0; i < count && !error; i++)
		error = complete(&entries[i], config);
	return error ? error : count;
}
