/*
 * timer.c - things to do at a time: one kernel thread that sleeps until the next is due.
 */
#include "process.h"

#define CPU_LOOK_NS 1000000

static struct rumpuser_cv *changed;
static struct kern_timer *timers;    /* by deadline */

static void insert(struct kern_timer *timer)
{
	struct kern_timer **at = &timers;

	while (*at && (*at)->deadline_ns <= timer->deadline_ns)
		at = &(*at)->next;
	timer->next = *at;
	*at = timer;
	timer->set = true;
}

static void run_due(int64_t now)
{
	while (timers && timers->deadline_ns <= now) {
		struct kern_timer *timer = timers;

		timers = timer->next;
		timer->set = false;
		if (timer->interval_ns) {
			/* What was missed since counts, but is not made up for. */
			int64_t periods = (now - timer->deadline_ns) / timer->interval_ns + 1;

			timer->expirations += (uint64_t)periods;
			timer->deadline_ns += periods * timer->interval_ns;
			insert(timer);
		} else {
			timer->expirations++;
		}
		timer->expired(timer);
	}
}

static void *run(void *argument)
{
	(void)argument;
	rumpuser_mutex_enter(kern_lock);
	for (;;) {
		int64_t left;

		run_due(kern_monotonic_ns());
		if (!timers) {
			rumpuser_cv_wait(changed, kern_lock);
			continue;
		}
		left = timers->deadline_ns - kern_monotonic_ns();
		if (left > 0)
			rumpuser_cv_timedwait(changed, kern_lock, left / KERN_NS_PER_S,
			    left % KERN_NS_PER_S);
	}
	return NULL;
}

void kern_timer_cancel(struct kern_timer *timer)
{
	struct kern_timer **at = &timers;

	if (!timer->set)
		return;
	while (*at != timer)
		at = &(*at)->next;
	*at = timer->next;
	timer->set = false;
}

int kern_timer_set(struct kern_timer *timer, int64_t deadline_ns, int64_t interval_ns)
{
	kern_timer_cancel(timer);
	timer->expirations = 0;
	timer->deadline_ns = deadline_ns;
	timer->interval_ns = interval_ns;
	insert(timer);
	if (!changed) {
		rumpuser_cv_init(&changed);
		if (rumpuser_thread_create(run, NULL, "timers", 0, 0, -1, NULL)) {
			rumpuser_cv_destroy(changed);
			changed = NULL;
			kern_timer_cancel(timer);
			return -EAGAIN;
		}
	}
	if (timers == timer)
		rumpuser_cv_signal(changed);
	return 0;
}

int64_t kern_timer_left_ns(const struct kern_timer *timer)
{
	int64_t left = timer->set ? timer->deadline_ns - kern_monotonic_ns() : 0;

	/* One that is due this moment is not yet none. */
	return timer->set && left < 1000 ? 1000 : left;
}

/*
 * --- timers that send a process a signal: setitimer's three, and timer_create's ---
 *
 * One that counts CPU time looks again when the process could have used up what is left.
 */

struct kern_process_timer {
	struct kern_timer timer;     /* first */
	struct kern_process_timer *next;
	struct kern_process *process;
	int id;                      /* negative: setitimer's */
	int64_t cpu_deadline_ns, cpu_interval_ns; /* of its process's CPU time, or 0 */
	int signal;                  /* 0: none */
	struct kern_siginfo info;
	uint32_t thread;             /* the one to get it, or 0 for any */
};

static int look_again(struct kern_process_timer *own, int64_t left_ns)
{
	/* Not so often that looking becomes the work. */
	return kern_timer_set(&own->timer,
	    kern_monotonic_ns() + (left_ns > CPU_LOOK_NS ? left_ns : CPU_LOOK_NS), 0);
}

static bool cpu_time_is_up(struct kern_process_timer *own)
{
	int64_t left = own->cpu_deadline_ns - kern_process_cpu_ns(own->process);
	bool up = left <= 0;

	if (up && own->cpu_interval_ns)
		own->cpu_deadline_ns += own->cpu_interval_ns;
	if (!up || own->cpu_interval_ns)
		look_again(own, up ? own->cpu_interval_ns : left);
	else
		own->cpu_deadline_ns = 0;
	return up;
}

int kern_process_timer_set_cpu(int id, int64_t first_ns, int64_t interval_ns)
{
	struct kern_process_timer *own = (struct kern_process_timer *)kern_process_timer_find(id);

	kern_timer_cancel(&own->timer);
	own->cpu_deadline_ns = first_ns ? kern_process_cpu_ns(kern_process) + first_ns : 0;
	own->cpu_interval_ns = interval_ns;
	return first_ns ? look_again(own, first_ns) : 0;
}

void kern_process_timer_get_cpu(int id, int64_t *left_ns, int64_t *interval_ns)
{
	const struct kern_process_timer *own =
	    (const struct kern_process_timer *)kern_process_timer_find(id);
	int64_t left = own && own->cpu_deadline_ns ?
	    own->cpu_deadline_ns - kern_process_cpu_ns(kern_process) : 0;

	*left_ns = own && own->cpu_deadline_ns && left < 1000 ? 1000 : left;
	*interval_ns = own ? own->cpu_interval_ns : 0;
}

static void expired(struct kern_timer *timer)
{
	struct kern_process_timer *own = (struct kern_process_timer *)timer;
	struct kern_thread *thread = own->thread ? kern_thread_find(own->thread) : NULL;

	if (own->cpu_deadline_ns && !cpu_time_is_up(own))
		return;
	if (!own->signal)
		return;
	if (thread && thread->process == own->process)
		kern_signal_send(thread, own->signal, &own->info);
	else
		kern_signal_send_process(own->process, own->signal, &own->info);
}

struct kern_timer *kern_process_timer_find(int id)
{
	struct kern_process_timer *timer = kern_process->timers;

	while (timer && timer->id != id)
		timer = timer->next;
	return (struct kern_timer *)timer;
}

int kern_process_timer_create(int id, int signal, uint32_t thread,
    const struct kern_siginfo *info)
{
	struct kern_process_timer *timer = kern_alloc(sizeof(*timer));

	if (!timer)
		return -EAGAIN;
	if (id >= 0)
		for (id = 0; kern_process_timer_find(id); id++)
			;
	timer->timer.expired = expired;
	timer->process = kern_process;
	timer->id = id;
	timer->signal = signal;
	timer->thread = thread;
	timer->info = *info;
	timer->next = kern_process->timers;
	kern_process->timers = timer;
	return id;
}

int kern_process_timer_destroy(int id)
{
	struct kern_process_timer **at = &kern_process->timers, *timer;

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	timer = *at;
	if (!timer)
		return -EINVAL;
	*at = timer->next;
	kern_timer_cancel(&timer->timer);
	kern_free(timer);
	return 0;
}

void kern_process_timers_end(bool all)
{
	struct kern_process_timer *timer = kern_process->timers, *next;

	for (; timer; timer = next) {
		next = timer->next;
		if (all || timer->id != KERN_TIMER_REAL)
			kern_process_timer_destroy(timer->id);
	}
}
