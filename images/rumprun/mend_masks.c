/*
 * mend_masks.c - setjmp, longjmp and their sig… forms with a compiler that aligns what it stores.
 *
 * NetBSD's setjmp on amd64 calls __sigprocmask14 as it would make a system call: with the stack
 * pointer 8 bytes off what the ABI asks of a call.  Rumprun's is a C function that prints a
 * line at its first call, and GCC stores with instructions that trap on such a stack.  Linked
 * with -Wl,--wrap=__sigprocmask14, what calls that function comes here first.
 */
int __real___sigprocmask14(int how, const void *set, void *old);
int __wrap___sigprocmask14(int how, const void *set, void *old);

__attribute__((force_align_arg_pointer)) int __wrap___sigprocmask14(int how, const void *set,
    void *old)
{
	return __real___sigprocmask14(how, set, old);
}
