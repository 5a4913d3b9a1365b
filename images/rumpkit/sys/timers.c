/*
 * timers.c - system calls about timers: setitimer, timer_create, timerfd.
 */
#include "rumplib.h"
#include "sys.h"
#include "vfs.h"

#define SI_KERNEL 0x80
#define SI_TIMER (-2)
#define SIGEV_SIGNAL 0
#define SIGEV_NONE 1
#define SIGEV_THREAD_ID 4
#define TIMER_ABSTIME 1
#define CLOCK_REALTIME 0
#define CLOCK_MONOTONIC 1
#define CLOCK_BOOTTIME 7

/* --- setitimer: the number of each kind, and its signal --- */

static const struct { int id, signal; } kinds[] = {
	{ KERN_TIMER_REAL, 14 }, { KERN_TIMER_VIRTUAL, 26 }, { KERN_TIMER_PROFILING, 27 },
};
#define KINDS (long)(sizeof(kinds) / sizeof(kinds[0]))

struct interval_value {
	int64_t interval_s, interval_us, left_s, left_us;
};

static void get_interval(long kind, int64_t *left, int64_t *interval)
{
	const struct kern_timer *timer = kern_process_timer_find(kinds[kind].id);

	*left = timer ? kern_timer_left_ns(timer) : 0;
	*interval = timer ? timer->interval_ns : 0;
	if (kinds[kind].id != KERN_TIMER_REAL)
		kern_process_timer_get_cpu(kinds[kind].id, left, interval);
}

static int put_interval(long kind, long user)
{
	struct interval_value value;
	int64_t left, interval;

	get_interval(kind, &left, &interval);
	value = (struct interval_value){
		interval / KERN_NS_PER_S, interval % KERN_NS_PER_S / 1000,
		left / KERN_NS_PER_S, left % KERN_NS_PER_S / 1000,
	};
	return kern_copyout(&value, (void *)user, sizeof(value));
}

static long set_interval(long kind, int64_t first_ns, int64_t interval_ns)
{
	const struct kern_siginfo info = { .code = SI_KERNEL };
	int id = kinds[kind].id;
	struct kern_timer *timer = kern_process_timer_find(id);

	if (!timer && !first_ns)
		return 0;
	if (!timer) {
		if (kern_process_timer_create(id, kinds[kind].signal, 0, &info) != id)
			return -EAGAIN;
		timer = kern_process_timer_find(id);
	}
	if (id != KERN_TIMER_REAL)
		return kern_process_timer_set_cpu(id, first_ns, interval_ns);
	if (first_ns)
		return kern_timer_set(timer, kern_monotonic_ns() + first_ns, interval_ns);
	kern_timer_cancel(timer);
	timer->interval_ns = 0;
	return 0;
}

long sys_getitimer(SYS2(kind, user))
{
	return kind >= 0 && kind < KINDS ? put_interval(kind, user) : -EINVAL;
}

static bool valid_time(int64_t seconds, int64_t microseconds)
{
	return seconds >= 0 && seconds < INT32_MAX && microseconds >= 0 && microseconds < 1000000;
}

long sys_setitimer(SYS3(kind, user, old))
{
	struct interval_value value = { 0 };

	if (kind < 0 || kind >= KINDS)
		return -EINVAL;
	if (user && kern_copyin((const void *)user, &value, sizeof(value)))
		return -EFAULT;
	if (!valid_time(value.left_s, value.left_us) ||
	    !valid_time(value.interval_s, value.interval_us))
		return -EINVAL;
	if (old && put_interval(kind, old))
		return -EFAULT;
	return set_interval(kind, value.left_s * KERN_NS_PER_S + value.left_us * 1000,
	    value.interval_s * KERN_NS_PER_S + value.interval_us * 1000);
}

long sys_alarm(SYS1(seconds))
{
	int64_t left, interval;

	get_interval(0, &left, &interval);
	set_interval(0, (int64_t)(uint32_t)seconds * KERN_NS_PER_S, 0);
	return (left + KERN_NS_PER_S - 1) / KERN_NS_PER_S;
}

/* --- what timer_settime and timerfd_settime share --- */

struct timer_value {
	int64_t interval_s, interval_ns, left_s, left_ns;
};

static int put_value(const struct kern_timer *timer, long user)
{
	int64_t left = kern_timer_left_ns(timer);
	const struct timer_value value = {
		timer->interval_ns / KERN_NS_PER_S, timer->interval_ns % KERN_NS_PER_S,
		left / KERN_NS_PER_S, left % KERN_NS_PER_S,
	};

	return kern_copyout(&value, (void *)user, sizeof(value));
}

/* Set it as the application says; absolute times are of the wall or the monotonic clock. */
static long set_value(struct kern_timer *timer, long user, long old, bool absolute, bool wall)
{
	struct timer_value value;
	int64_t first, interval;

	if (kern_copyin((const void *)user, &value, sizeof(value)))
		return -EFAULT;
	if (value.left_s < 0 || value.interval_s < 0 || value.left_ns < 0 || value.interval_ns < 0 ||
	    value.left_ns >= KERN_NS_PER_S || value.interval_ns >= KERN_NS_PER_S ||
	    value.left_s > INT64_MAX / KERN_NS_PER_S / 2)
		return -EINVAL;
	if (old && put_value(timer, old))
		return -EFAULT;
	first = value.left_s * KERN_NS_PER_S + value.left_ns;
	interval = value.interval_s * KERN_NS_PER_S + value.interval_ns;
	if (!first) {
		kern_timer_cancel(timer);
		timer->interval_ns = 0;
		timer->expirations = 0;
		return 0;
	}
	if (!absolute)
		first += kern_monotonic_ns();
	else if (wall)
		first += kern_monotonic_ns() - kern_wall_ns();
	return kern_timer_set(timer, first, interval);
}

static bool known_clock(long clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME;
}

/* --- timer_create: its clock is in the number's lowest bit, 0 for the wall's --- */

long sys_timer_create(SYS3(clock, user_event, user_id))
{
	struct { uint64_t value; int32_t signal, kind, thread; } event = {
		.signal = SIGALRM, .kind = SIGEV_SIGNAL,
	};
	struct kern_siginfo info = { .code = SI_TIMER };
	int id;

	if (!known_clock(clock))
		return -EINVAL;
	if (user_event && kern_copyin((const void *)user_event, &event, sizeof(event)))
		return -EFAULT;
	if (event.kind != SIGEV_SIGNAL && event.kind != SIGEV_NONE && event.kind != SIGEV_THREAD_ID)
		return -EINVAL;
	if (event.kind != SIGEV_NONE && (event.signal < 1 || event.signal > KERN_SIGNALS))
		return -EINVAL;
	info.value = event.value;
	id = kern_process_timer_create(0, event.kind == SIGEV_NONE ? 0 : event.signal,
	    event.kind == SIGEV_THREAD_ID ? (uint32_t)event.thread : 0, &info);
	if (id < 0)
		return id;
	id = id << 1 | (clock != CLOCK_REALTIME);
	return kern_copyout(&id, (void *)user_id, sizeof(id));
}

static struct kern_timer *timer_of(long id)
{
	return id < 0 ? NULL : kern_process_timer_find((int)id >> 1);
}

long sys_timer_settime(SYS4(id, flags, user, old))
{
	struct kern_timer *timer = timer_of(id);

	return timer ? set_value(timer, user, old, flags & TIMER_ABSTIME, !(id & 1)) : -EINVAL;
}

long sys_timer_gettime(SYS2(id, user))
{
	const struct kern_timer *timer = timer_of(id);

	return timer ? put_value(timer, user) : -EINVAL;
}

long sys_timer_getoverrun(SYS1(id))
{
	const struct kern_timer *timer = timer_of(id);

	return !timer ? -EINVAL : timer->expirations ? (long)timer->expirations - 1 : 0;
}

long sys_timer_delete(SYS1(id))
{
	return id < 0 ? -EINVAL : kern_process_timer_destroy((int)id >> 1);
}

/* --- timerfd --- */

#define TFD_NONBLOCK O_NONBLOCK
#define TFD_CLOEXEC O_CLOEXEC
#define TFD_TIMER_ABSTIME 1

struct timer_file {
	struct kern_timer timer;     /* first */
	struct vfs_queue readable;
	bool wall;
};

static void timer_file_expired(struct kern_timer *timer)
{
	vfs_wake(&((struct timer_file *)timer)->readable);
}

static long timer_file_read(struct vfs_file *file, struct vfs_io *io, uint64_t *position)
{
	struct timer_file *own = file->data;
	uint64_t count;

	(void)position;
	if (io->left_bytes < sizeof(count))
		return -EINVAL;
	while (!own->timer.expirations) {
		int error = file->flags & O_NONBLOCK ? -EAGAIN : vfs_wait(&own->readable, KERN_FOREVER);

		if (error)
			return error;
	}
	count = own->timer.expirations;
	own->timer.expirations = 0;
	return vfs_io_put(io, &count, sizeof(count)) == sizeof(count) ? sizeof(count) : -EFAULT;
}

static int timer_file_poll(struct vfs_file *file)
{
	return ((struct timer_file *)file->data)->timer.expirations ? POLLIN | POLLRDNORM : 0;
}

static struct vfs_queue *timer_file_queue(struct vfs_file *file)
{
	return &((struct timer_file *)file->data)->readable;
}

static void timer_file_release(struct vfs_file *file)
{
	kern_timer_cancel(&((struct timer_file *)file->data)->timer);
	kern_free(file->data);
}

static const struct vfs_file_ops timer_file_ops = {
	.read = timer_file_read, .poll = timer_file_poll, .queue = timer_file_queue,
	.release = timer_file_release,
};

long sys_timerfd_create(SYS2(clock, flags))
{
	struct timer_file *own;
	struct vfs_file *file;
	long result;

	if (!known_clock(clock) || flags & ~(TFD_NONBLOCK | TFD_CLOEXEC))
		return -EINVAL;
	own = kern_alloc(sizeof(*own));
	if (!own)
		return -ENOMEM;
	result = vfs_file_make_anonymous(&timer_file_ops, 0600,
	    O_RDWR | ((uint32_t)flags & O_NONBLOCK), &file);
	if (result) {
		kern_free(own);
		return result;
	}
	own->timer.expired = timer_file_expired;
	own->wall = clock == CLOCK_REALTIME;
	file->data = own;
	result = vfs_descriptor_add(file, 0, flags & TFD_CLOEXEC);
	vfs_file_put(file);
	return result;
}

/* The open file of a descriptor, if it is a timer: with a reference. */
static int timer_file_get(long descriptor, struct vfs_file **file)
{
	*file = vfs_descriptor_get((int)descriptor);
	if (!*file)
		return -EBADF;
	if ((*file)->ops == &timer_file_ops)
		return 0;
	vfs_file_put(*file);
	return -EINVAL;
}

long sys_timerfd_settime(SYS4(descriptor, flags, user, old))
{
	struct vfs_file *file;
	long result = timer_file_get(descriptor, &file);
	struct timer_file *own;

	if (result)
		return result;
	own = file->data;
	result = set_value(&own->timer, user, old, flags & TFD_TIMER_ABSTIME, own->wall);
	vfs_file_put(file);
	return result;
}

long sys_timerfd_gettime(SYS2(descriptor, user))
{
	struct vfs_file *file;
	long result = timer_file_get(descriptor, &file);

	if (result)
		return result;
	result = put_value(&((struct timer_file *)file->data)->timer, user);
	vfs_file_put(file);
	return result;
}
