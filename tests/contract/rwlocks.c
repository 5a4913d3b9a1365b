/* rwlocks.c - clauses R: reader/writer locks. */
#include "suite.h"

static struct rumpuser_rw *rw;
static int inside, readers_wanted;

static void *reader(void *argument)
{
	rumpuser_rw_enter(RUMPUSER_RW_READER, rw);
	ADD(inside, 1);
	if (argument)
		WAIT_UNTIL(LOOK(inside) == readers_wanted);
	else
		ADD(inside, -1);
	rumpuser_rw_exit(rw);
	return NULL;
}

static void *writer(void *argument)
{
	rumpuser_rw_enter(RUMPUSER_RW_WRITER, rw);
	CHECK(ADD(inside, 1) == 1);
	suite_sleep_ms(1);
	ADD(inside, -1);
	rumpuser_rw_exit(rw);
	return argument;
}

static void run_threads(void *(*const functions[])(void *), int count, void *argument)
{
	void *cookies[8];

	for (int i = 0; i < count; i++)
		CHECK(rumpuser_thread_create(functions[i % 2], argument, "worker", 1, -1, -1,
		    &cookies[i]) == 0);
	for (int i = 0; i < count; i++)
		rumpuser_thread_join(cookies[i]);
}

static void share(void)
{
	void *(*const readers[])(void *) = { reader, reader };
	void *(*const both[])(void *) = { reader, writer };

	rumpuser_rw_init(&rw);
	readers_wanted = 4; /* each stays until all are there */
	run_threads(readers, 4, &readers_wanted);
	inside = 0;
	run_threads(both, 8, NULL);
	rumpuser_rw_destroy(rw);
}

static void state(void)
{
	int held;

	rumpuser_rw_init(&rw);
	rumpuser_rw_held(RUMPUSER_RW_READER, rw, &held);
	CHECK(!held);
	CHECK(rumpuser_rw_tryenter(RUMPUSER_RW_READER, rw) == 0);
	rumpuser_rw_held(RUMPUSER_RW_READER, rw, &held);
	CHECK(held);
	CHECK(rumpuser_rw_tryenter(RUMPUSER_RW_WRITER, rw) == RUMPUSER_EBUSY);
	CHECK(rumpuser_rw_tryupgrade(rw) == 0);
	rumpuser_rw_held(RUMPUSER_RW_WRITER, rw, &held);
	CHECK(held);
	CHECK(rumpuser_rw_tryenter(RUMPUSER_RW_READER, rw) == RUMPUSER_EBUSY);
	rumpuser_rw_downgrade(rw);
	rumpuser_rw_held(RUMPUSER_RW_WRITER, rw, &held);
	CHECK(!held);
	CHECK(rumpuser_rw_tryenter(RUMPUSER_RW_READER, rw) == 0);
	CHECK(rumpuser_rw_tryupgrade(rw) == RUMPUSER_EBUSY);
	rumpuser_rw_exit(rw);
	rumpuser_rw_exit(rw);
	CHECK(rumpuser_rw_tryenter(RUMPUSER_RW_WRITER, rw) == 0);
	rumpuser_rw_exit(rw);
	rumpuser_rw_destroy(rw);
}

static int order, writer_came, reader_came;

static void *note_writer(void *lwp)
{
	rumpuser_curlwpop(RUMPUSER_LWP_SET, lwp);
	rumpuser_rw_enter(RUMPUSER_RW_WRITER, rw);
	writer_came = ADD(order, 1);
	rumpuser_rw_exit(rw);
	return NULL;
}

static void *note_reader(void *lwp)
{
	rumpuser_curlwpop(RUMPUSER_LWP_SET, lwp);
	rumpuser_rw_enter(RUMPUSER_RW_READER, rw);
	reader_came = ADD(order, 1);
	rumpuser_rw_exit(rw);
	return NULL;
}

/* A thread that waits has let its context go: that is how one sees that it does. */
static void start_waiting(void *(*function)(void *), struct lwp *lwp, void **cookie)
{
	int before = LOOK(suite_context_of(lwp)->released);

	CHECK(rumpuser_thread_create(function, lwp, "waiting", 1, -1, -1, cookie) == 0);
	WAIT_UNTIL(LOOK(suite_context_of(lwp)->released) > before);
}

static void writers_first(void)
{
	void *cookies[2];

	rumpuser_rw_init(&rw);
	rumpuser_rw_enter(RUMPUSER_RW_READER, rw);
	start_waiting(note_writer, suite_lwp(7), &cookies[0]);
	CHECK(rumpuser_rw_tryenter(RUMPUSER_RW_READER, rw) == RUMPUSER_EBUSY);
	start_waiting(note_reader, suite_lwp(8), &cookies[1]);
	CHECK(LOOK(order) == 0);
	rumpuser_rw_exit(rw);
	for (int i = 0; i < 2; i++)
		rumpuser_thread_join(cookies[i]);
	CHECK(writer_came == 1 && reader_came == 2);
	rumpuser_rw_destroy(rw);
}

const struct suite_case rw_cases[] = {
	{ "R1 readers share, writers do not", share },
	{ "R2 try, upgrade, downgrade, held", state },
	{ "R3 a waiting writer goes before new readers", writers_first },
	{ NULL, NULL },
};
