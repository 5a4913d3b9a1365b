/*
 * config.c - what the lab told the guest: one pass over the configuration, at the start.
 *
 * The command line is a JSON object, the configuration, and what the machine adds behind
 * it: words that announce devices.  The members of its object "lab" are for the runtime
 * itself and are kept by number, the rest is for the factions.
 */
#include "bmk.h"
#include "rumplib.h"

#define CONFIG_BYTES 8192

static char text[CONFIG_BYTES];
const char *bmk_config = "{}";
size_t bmk_config_bytes = 2;
const char *bmk_announcements = "";

static const char *const names[BMK_SETTINGS] = {
#define BMK_SETTING_NAME(number, name) [BMK_SETTING_##number] = name,
	BMK_EACH_SETTING(BMK_SETTING_NAME)
#undef BMK_SETTING_NAME
};
static struct lib_json_value settings[BMK_SETTINGS];

const struct lib_json_value *bmk_setting(enum bmk_setting setting)
{
	return &settings[setting];
}

uint64_t bmk_setting_number(enum bmk_setting setting)
{
	return lib_json_number(&settings[setting]);
}

static void settings_read(const struct lib_json_value *object)
{
	struct lib_json members;
	struct lib_json_value key, value;

	if (!lib_json_open(&members, object->text, object->bytes))
		return;
	while (lib_json_next(&members, &key, &value))
		for (unsigned i = 0; i < BMK_SETTINGS; i++)
			/* As everywhere, the first of two counts. */
			if (lib_json_is(&key, names[i]) && !settings[i].type)
				settings[i] = value;
}

/* The configuration is from the first brace to the last. */
static void text_copy(const char *from)
{
	char *at = text, *last = NULL;
	const char *start = strchr(from, '{');

	if (start)
		from = start;
	while (at < text + CONFIG_BYTES - 1 && *from) {
		if (*from == '}')
			last = at;
		*at++ = *from++;
	}
	if (*from)
		bmk_printf("rumpkit: configuration cut to %d bytes\n", CONFIG_BYTES - 1);
	if (!start || !last) {
		bmk_announcements = text;
		return;
	}
	if (last[1]) {
		last[1] = '\0';
		bmk_announcements = last + 2;
	}
	bmk_config = text;
	bmk_config_bytes = (size_t)(last + 1 - text);
}

void bmk_config_create(const char *command_line)
{
	struct lib_json members;
	struct lib_json_value key, value;

	text_copy(command_line);
	if (!lib_json_open(&members, bmk_config, bmk_config_bytes))
		return;
	while (lib_json_next(&members, &key, &value))
		if (lib_json_is(&key, "lab"))
			settings_read(&value);
}
