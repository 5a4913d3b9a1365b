/* What processes share and what they do not; prints only what must be the same everywhere. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_S 30

static void say(const char *what, long value)
{
	printf("%s: %ld\n", what, value);
	fflush(stdout);
}

static long result(long value)
{
	return value < 0 ? -errno : value;
}

static long futex(uint32_t *word, int operation, uint32_t value)
{
	struct timespec patience = { PATIENCE_S, 0 };

	return result(syscall(SYS_futex, word, operation, value,
	    operation == FUTEX_WAIT ? &patience : NULL, NULL, 0));
}

static long end_of(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static uint32_t word;

static void *sleeper(void *unused)
{
	(void)unused;
	while (__atomic_load_n(&word, __ATOMIC_SEQ_CST) == 0)
		futex(&word, FUTEX_WAIT, 0);
	return NULL;
}

/* After fork the same address is another word: a wake in the child wakes nobody. */
static void words_of_a_process(void)
{
	pthread_t thread;
	pid_t child;

	pthread_create(&thread, NULL, sleeper, NULL);
	for (int i = 0; i < 1000; i++)
		sched_yield();
	child = fork();
	if (!child)
		_exit((int)futex(&word, FUTEX_WAKE, 1));
	say("woken by a child", end_of(child));
	word = 1;
	futex(&word, FUTEX_WAKE, 1);
	pthread_join(thread, NULL);
}

/* A word of a file is one, wherever it is mapped. */
static void words_of_a_file(void)
{
	int file = memfd_create("words", 0);
	uint32_t *here, *there;
	pid_t child;

	ftruncate(file, 8192);
	here = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 4096);
	there = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	child = fork();
	if (!child)
		_exit(futex(here, FUTEX_WAIT, 0) == -ETIMEDOUT);
	there[1024] = 1;
	while (waitpid(child, NULL, WNOHANG) == 0) {
		futex(there + 1024, FUTEX_WAKE, 1);
		sched_yield();
	}
	say("the word at another address", *here);
}

static void segments(void)
{
	key_t key = 0x52000000 | (getpid() & 0xffffff);
	int id = shmget(key, 5000, IPC_CREAT | IPC_EXCL | 0600);
	struct shmid_ds about;
	int *word_here = shmat(id, NULL, 0);
	pid_t child = fork();

	if (!child) {
		int *word_there = shmat(shmget(key, 1, 0), NULL, 0);

		*word_there = 77;
		_exit(shmdt(word_there));
	}
	say("child", end_of(child));
	say("its word", *word_here);
	say("again", result(shmget(key, 5000, IPC_CREAT | IPC_EXCL | 0600)));
	say("larger", result(shmget(key, 50000, 0)));
	say("unknown", result(shmget(key + 1, 1, 0)));
	say("stat", result(shmctl(id, IPC_STAT, &about)));
	printf("%zu bytes, %lu attached, own %d, mode %o\n", about.shm_segsz,
	    (unsigned long)about.shm_nattch, about.shm_cpid == getpid(), about.shm_perm.mode);
	say("remove", result(shmctl(id, IPC_RMID, NULL)));
	say("still there", *word_here);
	say("no name", result(shmget(key, 1, 0)));
	say("detach", result(shmdt(word_here)));
	say("detach again", result(shmdt(word_here)));
	say("gone", result(shmctl(id, IPC_STAT, &about)));
}

/* As a shell's <(command) is opened: the writer may have left already. */
static void pipes_opened_again(void)
{
	char path[40], text[8] = "";
	int ends[2], again;

	pipe(ends);
	write(ends[1], "text", 4);
	close(ends[1]);
	snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
	again = open(path, O_RDONLY);
	say("read", result(read(again, text, sizeof text)));
	say("end", result(read(again, text, sizeof text)));
	puts(text);
}

static void copies(void)
{
	int from = memfd_create("from", 0), to = memfd_create("to", 0), ends[2];
	off_t at = 10, put = 20;
	char text[8] = "";

	for (int i = 0; i < 3000; i++)
		dprintf(from, "%07d\n", i);
	lseek(from, 0, SEEK_SET);
	pipe(ends);
	say("copied", result(copy_file_range(from, NULL, to, NULL, 5000, 0)));
	say("position", lseek(to, 0, SEEK_CUR));
	say("copied at", result(copy_file_range(from, &at, to, &put, 6, 0)));
	say("moved", at * 1000 + put);
	pread(to, text, 6, 20);
	puts(text);
	say("the rest", result(copy_file_range(from, NULL, to, NULL, 1 << 20, 0)));
	say("the end", result(copy_file_range(from, NULL, to, NULL, 1, 0)));
	say("into a pipe", result(copy_file_range(from, NULL, ends[1], NULL, 1, 0)));
	say("onto itself", result(copy_file_range(to, &at, to, &put, 50, 0)));
	say("with a flag", result(copy_file_range(from, NULL, to, NULL, 1, 1)));
}

int main(void)
{
	words_of_a_process();
	words_of_a_file();
	segments();
	pipes_opened_again();
	copies();
	return 0;
}
