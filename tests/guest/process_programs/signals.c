/* Signals as Linux delivers them; prints only what must be the same everywhere. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <immintrin.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static sigjmp_buf back;
static volatile sig_atomic_t count, last;
static void *volatile fault_address;

static void say(const char *what, long value)
{
	printf("%s: %ld\n", what, value);
	fflush(stdout);
}

static void on_signal(int signal)
{
	count++;
	last = signal;
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
	(void)context;
	last = signal;
	fault_address = info->si_addr;
	siglongjmp(back, info->si_code);
}

static void catch(int signal, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	sigaction(signal, &action, NULL);
}

static void catch_fault(int signal, int flags)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | flags };

	sigaction(signal, &action, NULL);
}

static void faults(void)
{
	char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile int zero = 0;
	int code;

	catch_fault(SIGSEGV, 0);
	catch_fault(SIGFPE, 0);
	catch_fault(SIGILL, 0);
	code = sigsetjmp(back, 1);
	if (!code)
		*(volatile int *)0x1234 = 1;
	say("unmapped address, code", code);
	say("its address", (long)fault_address);
	code = sigsetjmp(back, 1);
	if (!code)
		page[5] = 1;
	say("read-only page, code", code);
	say("its address", (char *)fault_address - page);
	code = sigsetjmp(back, 1);
	if (!code)
		__asm__ volatile("xorl %%edx, %%edx\n idivl %0" : : "m"(zero) : "eax", "edx");
	say("division by zero, signal", last);
	code = sigsetjmp(back, 1);
	if (!code)
		__asm__ volatile("ud2");
	say("invalid instruction, signal", last);
	munmap(page, 4096);
}

/* A handler that mends what was wrong, so that the instruction is done again. */
static void mend(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	mprotect((void *)((unsigned long)info->si_addr & ~4095ul), 4096, PROT_READ | PROT_WRITE);
	count++;
}

static void mending(void)
{
	struct sigaction action = { .sa_sigaction = mend, .sa_flags = SA_SIGINFO };
	char *pages = mmap(NULL, 40960, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long sum = 0;

	count = 0;
	sigaction(SIGSEGV, &action, NULL);
	for (int i = 0; i < 40960; i += 1024)
		pages[i] = (char)(i / 1024);
	for (int i = 0; i < 40960; i += 1024)
		sum += pages[i];
	say("faults that were mended", count);
	say("what was written", sum);
	munmap(pages, 40960);
}

static int deeper(int n)
{
	volatile char room[4096];

	room[0] = (char)n;
	return deeper(n + 1) + room[0];
}

static void overflow(void)
{
	static char stack[65536];
	stack_t alternate = { .ss_sp = stack, .ss_size = sizeof(stack) };

	sigaltstack(&alternate, NULL);
	catch_fault(SIGSEGV, SA_ONSTACK);
	if (!sigsetjmp(back, 1))
		deeper(0);
	say("stack overflow, caught on the other stack", last);
	alternate.ss_flags = SS_DISABLE;
	sigaltstack(&alternate, NULL);
	signal(SIGSEGV, SIG_DFL);
}

static void set_timer(long first_us, long every_us)
{
	struct itimerval timer = { { 0, every_us }, { 0, first_us } };

	setitimer(ITIMER_REAL, &timer, NULL);
}

/* Interrupted anywhere, the code must not notice: general and vector registers. */
static void interrupted_code(void)
{
	double total = 0, expected = 0;
	unsigned long mixed = 1, again = 1;

	catch(SIGALRM, on_signal, 0);
	count = 0;
	set_timer(2000, 2000);
	for (int round = 0; count < 20 && round < 100000; round++) {
		total = expected = 0;
		mixed = again = 1;
		for (int i = 1; i < 3000; i++) {
			total += 1.0 / i;
			mixed = mixed * 6364136223846793005ul + (unsigned long)i;
		}
		for (int i = 1; i < 3000; i++) {
			expected += 1.0 / i;
			again = again * 6364136223846793005ul + (unsigned long)i;
		}
		if (total != expected || mixed != again)
			break;
	}
	set_timer(0, 0);
	say("alarms in computing code", count >= 20);
	say("and it computed right", total == expected && mixed == again);
}

__attribute__((target("avx"))) static void clobber(int signal)
{
	__asm__ volatile("vpxor %%xmm15, %%xmm15, %%xmm15\n vzeroall" : : : "memory");
	on_signal(signal);
}

__attribute__((target("avx"))) static int wide_registers(void)
{
	static const double values[4] = { 1, 2, 3, 4 };
	double seen[4];

	count = 0;
	catch(SIGALRM, clobber, 0);
	set_timer(5000, 0);
	__asm__ volatile("vmovupd %1, %%ymm15\n"
	    "1: cmpl $0, %2\n je 1b\n"
	    "vmovupd %%ymm15, %0"
	    : "=m"(seen) : "m"(values), "m"(count) : "memory", "xmm15");
	return seen[0] == 1 && seen[1] == 2 && seen[2] == 3 && seen[3] == 4;
}

static void restarting(void)
{
	int ends[2];
	char byte;
	struct timespec time = { 5, 0 };

	pipe(ends);
	catch(SIGALRM, on_signal, 0);
	/* Again and again: on a busy machine the first may come before the call it is to end. */
	set_timer(20000, 20000);
	say("read without SA_RESTART", read(ends[0], &byte, 1) == -1 ? errno : 0);
	catch(SIGALRM, on_signal, SA_RESTART);
	count = 0;
	set_timer(20000, 20000);
	if (!fork()) {
		struct timespec later = { 0, 100000000 };

		nanosleep(&later, NULL);
		write(ends[1], "y", 1);
		_exit(0);
	}
	say("read with it", read(ends[0], &byte, 1));
	say("alarms came meanwhile", count > 0);
	say("nanosleep never restarts", nanosleep(&time, NULL) == -1 ? errno : 0);
	set_timer(0, 0);
}

static void masks(void)
{
	sigset_t set, old;
	struct timespec soon = { 0, 1000000 };
	siginfo_t info;

	catch(SIGUSR1, on_signal, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &old);
	count = 0;
	kill(getpid(), SIGUSR1);
	say("blocked", count);
	sigsuspend(&old);
	say("in sigsuspend", count);
	raise(SIGUSR1);
	say("sigtimedwait", sigtimedwait(&set, &info, NULL) == SIGUSR1);
	say("and then none", sigtimedwait(&set, &info, &soon) == -1 ? errno : 0);
	sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = 66 });
	sigwaitinfo(&set, &info);
	say("the value that was queued", info.si_value.sival_int);
	sigprocmask(SIG_SETMASK, &old, NULL);
	say("handled once in all", count);
}

static volatile int go_on = 1;

static void *compute(void *argument)
{
	while (go_on)
		;
	return argument;
}

static void stop(int signal)
{
	(void)signal;
	go_on = 0;
}

static void threads(void)
{
	pthread_t thread;

	catch(SIGUSR2, stop, 0);
	pthread_create(&thread, NULL, compute, NULL);
	usleep(10000);
	pthread_kill(thread, SIGUSR2);
	pthread_join(thread, NULL);
	say("a computing thread was stopped", !go_on);
}

/* The handler sees the registers, and what it changes is what goes on. */
static void skip(int signal, siginfo_t *info, void *context)
{
	ucontext_t *registers = context;

	(void)signal;
	(void)info;
	registers->uc_mcontext.gregs[REG_RIP] += 2;
	registers->uc_mcontext.gregs[REG_RBX] = 77;
}

static void contexts(void)
{
	struct sigaction action = { .sa_sigaction = skip, .sa_flags = SA_SIGINFO };
	long rbx = 0, rcx = 0, r11 = 0;

	sigaction(SIGILL, &action, NULL);
	__asm__ volatile("movq $5, %%rcx\n movq $6, %%r11\n movq $7, %%rbx\n ud2\n"
	    "movq %%rbx, %0\n movq %%rcx, %1\n movq %%r11, %2"
	    : "=m"(rbx), "=m"(rcx), "=m"(r11) : : "rbx", "rcx", "r11");
	say("rbx, as the handler set it", rbx);
	say("rcx", rcx);
	say("r11", r11);
}

int main(void)
{
	faults();
	mending();
	overflow();
	interrupted_code();
	if (__builtin_cpu_supports("avx"))
		say("wide registers survive a handler", wide_registers());
	else
		say("wide registers survive a handler", 1);
	restarting();
	masks();
	threads();
	contexts();
	abort();
}
