/* host.c - clauses H: parameters, random numbers, errno, files of the host. */
#include "suite.h"

static void parameters(void)
{
	char text[64] = "";

	CHECK(rumpuser_getparam(RUMPUSER_PARAM_NCPU, text, sizeof(text)) == 0);
	CHECK(text[0] >= '1' && text[0] <= '9');
	CHECK(rumpuser_getparam(RUMPUSER_PARAM_HOSTNAME, text, sizeof(text)) == 0);
	CHECK(strlen(text) > 0);
}

static void unknown_parameter(void)
{
	char text[64];

	CHECK(rumpuser_getparam("NO_SUCH_PARAMETER", text, sizeof(text)) == RUMPUSER_ENOENT);
}

static void short_parameter(void)
{
	char text[2];

	CHECK(rumpuser_getparam(RUMPUSER_PARAM_HOSTNAME, text, sizeof(text)) == RUMPUSER_E2BIG);
}

static void random_numbers(void)
{
	uint8_t first[1000] = { 0 }, second[1000] = { 0 };
	unsigned ones = 0;
	size_t got = 0;

	CHECK(rumpuser_getrandom(first, sizeof(first), 0, &got) == 0 && got == sizeof(first));
	CHECK(rumpuser_getrandom(second, sizeof(second), RUMPUSER_RANDOM_HARD, &got) == 0);
	CHECK(memcmp(first, second, sizeof(first)) != 0);
	for (size_t bit = 0; bit < 8 * sizeof(first); bit++)
		ones += first[bit / 8] >> bit % 8 & 1;
	/* 8000 fair bits are within ten standard deviations (45) of the half. */
	CHECK(ones > 3550 && ones < 4450);
}

static bool done_called;
static int done_error;

static void done(void *argument, size_t bytes, int error)
{
	(void)bytes;
	done_called = argument == &done_called;
	done_error = error;
}

static void files(void)
{
	struct rumpuser_iovec vector = { &done_error, sizeof(done_error) };
	uint64_t bytes;
	size_t count;
	int type, descriptor;

	CHECK(rumpuser_open("/no/such/file", RUMPUSER_OPEN_RDONLY, &descriptor) == RUMPUSER_ENOENT);
	CHECK(rumpuser_getfileinfo("/no/such/file", &bytes, &type) == RUMPUSER_ENOENT);
	CHECK(rumpuser_close(-1) == RUMPUSER_EBADF);
	CHECK(rumpuser_iovread(-1, &vector, 1, 0, &count) == RUMPUSER_EBADF);
	CHECK(rumpuser_iovwrite(-1, &vector, 1, 0, &count) == RUMPUSER_EBADF);
	CHECK(rumpuser_syncfd(-1, RUMPUSER_SYNCFD_BOTH, 0, 0) == RUMPUSER_EBADF);
	rumpuser_bio(-1, RUMPUSER_BIO_READ, &done_error, 0, 0, done, &done_called);
	CHECK(done_called && done_error == RUMPUSER_EBADF);
}

static void nothing_to_do(void)
{
	CHECK(rumpuser_daemonize_begin() == 0);
	CHECK(rumpuser_daemonize_done(0) == 0);
	rumpuser_dl_bootstrap(NULL, NULL, NULL, NULL);
	rumpuser_seterrno(5);
	CHECK(rumpuser_kill(RUMPUSER_PID_SELF, 0) == 0);
}

const struct suite_case host_cases[] = {
	{ "H1 parameters have values", parameters },
	{ "H2 an unknown parameter is ENOENT", unknown_parameter },
	{ "H3 a value that does not fit is E2BIG", short_parameter },
	{ "H4 random numbers differ and are balanced", random_numbers },
	{ "H5 files that are not there are errors, and bio reports by its callback", files },
	{ "H6 daemonize, dl_bootstrap, seterrno and kill(0) succeed", nothing_to_do },
	{ NULL, NULL },
};
