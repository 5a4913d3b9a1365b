/*
 * known.c - a guest whose state the tests know: threads that wait, each for something else,
 * open files and sockets, variables, and memory that nothing points to any more.
 *
 * The lines that tests look for have a comment in capitals.
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct node {
	struct node *next;
	int value;
	char name[8];
};

struct node third = { NULL, 3, "three" };
struct node second = { &third, 2, "two" };
struct node list = { &second, 1, "one" };
double ratio = 0.25;
__thread long own_number;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t table = PTHREAD_RWLOCK_INITIALIZER;
static int pipes[2], listener;
void *kept;

static void *waits(void *argument)
{
	own_number = 11;
	pthread_mutex_lock(&gate);
	pthread_cond_wait(&opened, &gate);
	pthread_mutex_unlock(&gate);
	return argument;
}

__attribute__((noinline)) static int locks(int depth)
{
	if (depth)
		return locks(depth - 1) + 1;
	pthread_mutex_lock(&held); /* STUCK */
	return 0;
}

static void *is_stuck(void *argument)
{
	own_number = 22;
	return locks(3) ? argument : NULL;
}

static void *looks_up(void *argument)
{
	pthread_rwlock_rdlock(&table);
	return argument;
}

static void *reads(void *argument)
{
	char byte;

	return read(pipes[0], &byte, 1) ? argument : NULL; /* READS */
}

static void *polls(void *argument)
{
	struct pollfd entry = { pipes[0], POLLIN, 0 };

	return poll(&entry, 1, -1) ? argument : NULL;
}

static void *accepts(void *argument)
{
	return accept(listener, NULL, NULL) ? argument : NULL;
}

static int open_socket(int type, int port)
{
	struct sockaddr_in here = { .sin_len = sizeof(here), .sin_family = AF_INET };
	int found = socket(AF_INET, type, 0);

	here.sin_port = htons(port);
	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(found, (struct sockaddr *)&here, sizeof(here)))
		perror("bind");
	return found;
}

static void open_files(void)
{
	struct sockaddr_in there = { .sin_len = sizeof(there), .sin_family = AF_INET };
	int file, near;

	mkdir("/tmp/folder", 0755);
	file = open("/tmp/folder/notes.txt", O_RDWR | O_CREAT | O_APPEND, 0644);
	if (write(file, "0123456789", 10) != 10 || pipe(pipes))
		perror("files");
	listener = open_socket(SOCK_STREAM, 7000);
	listen(listener, 5);
	open_socket(SOCK_DGRAM, 7001);
	near = socket(AF_INET, SOCK_STREAM, 0);
	there.sin_port = htons(7000);
	there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(near, (struct sockaddr *)&there, sizeof(there)))
		perror("connect");
	if (write(accept(listener, NULL, NULL), "hello", 5) != 5)
		perror("write");
}

__attribute__((noinline)) static void allocate(void)
{
	kept = malloc(5000);
	for (int i = 0; i < 20; i++)
		memset(malloc(700), 'L', 700); /* (lost) */
}

int main(void)
{
	void *(*const functions[])(void *) = { waits, is_stuck, looks_up, reads, polls, accepts };
	pthread_t threads[6];

	open_files();
	allocate();
	pthread_mutex_lock(&held);
	pthread_rwlock_wrlock(&table);
	for (int i = 0; i < 6; i++)
		pthread_create(&threads[i], NULL, functions[i], NULL);
	usleep(50000);
	puts("ready");
	fflush(stdout);
	sleep(1000);
	return 0;
}
