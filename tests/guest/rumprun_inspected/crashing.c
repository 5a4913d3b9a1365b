/*
 * crashing.c - ends as its argument says.
 *
 * The lines that tests look for have a comment in capitals.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct node {
	struct node *next;
	int value;
};

struct node nodes[2] = { { &nodes[1], 1 }, { NULL, 2 } };
int zero;

__attribute__((noinline)) static int use(struct node *node)
{
	return node->value; /* USED */
}

__attribute__((noinline)) static int third_of(struct node *node)
{
	return use(node->next->next) + 1; /* CALLED */
}

static void *in_thread(void *argument)
{
	return third_of(argument) ? argument : NULL;
}

__attribute__((noinline)) static int recurses(int depth)
{
	volatile char room[1024];

	memset((char *)room, depth, sizeof(room));
	return recurses(depth + 1) + room[7];
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	int (*volatile nowhere)(int) = NULL;
	pthread_t thread;
	int result = 0;

	puts("ready");
	fflush(stdout);
	if (!strcmp(how, "null"))
		result = third_of(nodes);
	if (!strcmp(how, "thread")) {
		pthread_create(&thread, NULL, in_thread, nodes);
		pthread_join(thread, NULL);
	}
	if (!strcmp(how, "wild"))
		result = use((struct node *)0x123456789000);
	if (!strcmp(how, "divide"))
		result = argc / zero; /* DIVIDED */
	if (!strcmp(how, "opcode"))
		__builtin_trap();
	if (!strcmp(how, "protection"))
		result = use((struct node *)0x8123456789000000);
	if (!strcmp(how, "call"))
		result = nowhere(1) + 1; /* NOWHERE */
	if (!strcmp(how, "kernel"))
		result = (int)write(1, (void *)0x10, 100); /* WRITTEN */
	if (!strcmp(how, "stack"))
		result = recurses(argc) + 1;
	return result;
}
