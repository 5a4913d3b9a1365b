"""The Linux x86-64 system calls by number, with argument names of the common ones.

Numbers and names are those of Linux's asm/unistd_64.h up to 461; argument names are
those of the manual pages in section 2.
"""

import re

__all__ = ["SYSCALLS", "SYSCALL_ARGUMENTS"]

# Consecutive numbers from the one that begins the paragraph.
_TABLE = """
0 read(fd,buf,count) write(fd,buf,count) open(pathname,flags,mode) close(fd)
stat(pathname,statbuf) fstat(fd,statbuf) lstat(pathname,statbuf) poll(fds,nfds,timeout)
lseek(fd,offset,whence) mmap(addr,length,prot,flags,fd,offset) mprotect(addr,len,prot)
munmap(addr,length) brk(addr) rt_sigaction(signum,act,oldact,sigsetsize)
rt_sigprocmask(how,set,oldset,sigsetsize) rt_sigreturn() ioctl(fd,request,argp)
pread64(fd,buf,count,offset) pwrite64(fd,buf,count,offset) readv(fd,iov,iovcnt)
writev(fd,iov,iovcnt) access(pathname,mode) pipe(pipefd)
select(nfds,readfds,writefds,exceptfds,timeout) sched_yield()
mremap(old_address,old_size,new_size,flags,new_address) msync(addr,length,flags)
mincore(addr,length,vec) madvise(addr,length,advice) shmget shmat shmctl dup(oldfd)
dup2(oldfd,newfd) pause() nanosleep(duration,rem) getitimer(which,curr_value) alarm(seconds)
setitimer(which,new_value,old_value) getpid() sendfile(out_fd,in_fd,offset,count)
socket(domain,type,protocol) connect(sockfd,addr,addrlen) accept(sockfd,addr,addrlen)
sendto(sockfd,buf,len,flags,dest_addr,addrlen) recvfrom(sockfd,buf,len,flags,src_addr,addrlen)
sendmsg(sockfd,msg,flags) recvmsg(sockfd,msg,flags) shutdown(sockfd,how)
bind(sockfd,addr,addrlen) listen(sockfd,backlog) getsockname(sockfd,addr,addrlen)
getpeername(sockfd,addr,addrlen) socketpair(domain,type,protocol,sv)
setsockopt(sockfd,level,optname,optval,optlen) getsockopt(sockfd,level,optname,optval,optlen)
clone(flags,stack,parent_tid,child_tid,tls) fork() vfork() execve(pathname,argv,envp)
exit(status) wait4(pid,wstatus,options,rusage) kill(pid,sig) uname(buf) semget semop semctl
shmdt msgget msgsnd msgrcv msgctl fcntl(fd,cmd,arg) flock(fd,operation) fsync(fd)
fdatasync(fd) truncate(path,length) ftruncate(fd,length) getdents(fd,dirp,count)
getcwd(buf,size) chdir(path) fchdir(fd) rename(oldpath,newpath) mkdir(pathname,mode)
rmdir(pathname) creat(pathname,mode) link(oldpath,newpath) unlink(pathname)
symlink(target,linkpath) readlink(pathname,buf,bufsiz) chmod(pathname,mode) fchmod(fd,mode)
chown(pathname,owner,group) fchown(fd,owner,group) lchown(pathname,owner,group) umask(mask)
gettimeofday(tv,tz) getrlimit(resource,rlim) getrusage(who,usage) sysinfo(info) times(buf)
ptrace getuid() syslog getgid() setuid(uid) setgid(gid) geteuid() getegid()
setpgid(pid,pgid) getppid() getpgrp() setsid() setreuid setregid getgroups(size,list)
setgroups(size,list) setresuid getresuid setresgid getresgid getpgid(pid) setfsuid setfsgid
getsid(pid) capget capset rt_sigpending(set,sigsetsize)
rt_sigtimedwait(set,info,timeout,sigsetsize) rt_sigqueueinfo
rt_sigsuspend(mask,sigsetsize) sigaltstack(ss,old_ss) utime(filename,times)
mknod(pathname,mode,dev) uselib personality(persona) ustat statfs(path,buf) fstatfs(fd,buf)
sysfs getpriority(which,who) setpriority(which,who,prio) sched_setparam sched_getparam
sched_setscheduler sched_getscheduler sched_get_priority_max sched_get_priority_min
sched_rr_get_interval mlock(addr,len) munlock(addr,len) mlockall(flags) munlockall() vhangup
modify_ldt pivot_root _sysctl prctl(option,arg2,arg3,arg4,arg5) arch_prctl(code,addr)
adjtimex(buf) setrlimit(resource,rlim) chroot(path) sync() acct settimeofday(tv,tz)
mount(source,target,filesystemtype,mountflags,data) umount2(target,flags) swapon swapoff
reboot(magic,magic2,cmd,arg) sethostname(name,len) setdomainname(name,len) iopl ioperm
create_module init_module delete_module get_kernel_syms query_module quotactl nfsservctl
getpmsg putpmsg afs_syscall tuxcall security gettid() readahead(fd,offset,count) setxattr
lsetxattr fsetxattr getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr removexattr
lremovexattr fremovexattr tkill(tid,sig) time(tloc)
futex(uaddr,futex_op,val,timeout,uaddr2,val3) sched_setaffinity(pid,cpusetsize,mask)
sched_getaffinity(pid,cpusetsize,mask) set_thread_area io_setup io_destroy io_getevents
io_submit io_cancel get_thread_area lookup_dcookie epoll_create(size) epoll_ctl_old
epoll_wait_old remap_file_pages getdents64(fd,dirp,count) set_tid_address(tidptr)
restart_syscall() semtimedop fadvise64(fd,offset,len,advice)
timer_create(clockid,sevp,timerid) timer_settime(timerid,flags,new_value,old_value)
timer_gettime(timerid,curr_value) timer_getoverrun(timerid) timer_delete(timerid)
clock_settime(clockid,tp) clock_gettime(clockid,tp) clock_getres(clockid,res)
clock_nanosleep(clockid,flags,request,remain) exit_group(status)
epoll_wait(epfd,events,maxevents,timeout) epoll_ctl(epfd,op,fd,event) tgkill(tgid,tid,sig)
utimes(filename,times) vserver mbind set_mempolicy get_mempolicy mq_open mq_unlink
mq_timedsend mq_timedreceive mq_notify mq_getsetattr kexec_load
waitid(idtype,id,infop,options,rusage) add_key request_key keyctl ioprio_set ioprio_get
inotify_init() inotify_add_watch(fd,pathname,mask) inotify_rm_watch(fd,wd) migrate_pages
openat(dirfd,pathname,flags,mode) mkdirat(dirfd,pathname,mode)
mknodat(dirfd,pathname,mode,dev) fchownat(dirfd,pathname,owner,group,flags)
futimesat(dirfd,pathname,times) newfstatat(dirfd,pathname,statbuf,flags)
unlinkat(dirfd,pathname,flags) renameat(olddirfd,oldpath,newdirfd,newpath)
linkat(olddirfd,oldpath,newdirfd,newpath,flags) symlinkat(target,newdirfd,linkpath)
readlinkat(dirfd,pathname,buf,bufsiz) fchmodat(dirfd,pathname,mode)
faccessat(dirfd,pathname,mode) pselect6(nfds,readfds,writefds,exceptfds,timeout,sigmask)
ppoll(fds,nfds,tmo_p,sigmask,sigsetsize) unshare(flags) set_robust_list(head,len)
get_robust_list(pid,head_ptr,len_ptr) splice(fd_in,off_in,fd_out,off_out,len,flags)
tee(fd_in,fd_out,len,flags) sync_file_range vmsplice move_pages
utimensat(dirfd,pathname,times,flags) epoll_pwait(epfd,events,maxevents,timeout,sigmask)
signalfd(fd,mask,sizemask) timerfd_create(clockid,flags) eventfd(initval)
fallocate(fd,mode,offset,len) timerfd_settime(fd,flags,new_value,old_value)
timerfd_gettime(fd,curr_value) accept4(sockfd,addr,addrlen,flags)
signalfd4(fd,mask,sizemask,flags) eventfd2(initval,flags) epoll_create1(flags)
dup3(oldfd,newfd,flags) pipe2(pipefd,flags) inotify_init1(flags)
preadv(fd,iov,iovcnt,offset) pwritev(fd,iov,iovcnt,offset) rt_tgsigqueueinfo
perf_event_open recvmmsg(sockfd,msgvec,vlen,flags,timeout) fanotify_init fanotify_mark
prlimit64(pid,resource,new_limit,old_limit) name_to_handle_at open_by_handle_at
clock_adjtime(clk_id,buf) syncfs(fd) sendmmsg(sockfd,msgvec,vlen,flags) setns(fd,nstype)
getcpu(cpu,node,tcache) process_vm_readv process_vm_writev kcmp finit_module sched_setattr
sched_getattr renameat2(olddirfd,oldpath,newdirfd,newpath,flags)
seccomp(operation,flags,args) getrandom(buf,buflen,flags) memfd_create(name,flags)
kexec_file_load bpf execveat(dirfd,pathname,argv,envp,flags) userfaultfd
membarrier(cmd,flags,cpu_id) mlock2(addr,len,flags)
copy_file_range(fd_in,off_in,fd_out,off_out,len,flags)
preadv2(fd,iov,iovcnt,offset,unused,flags) pwritev2(fd,iov,iovcnt,offset,unused,flags)
pkey_mprotect(addr,len,prot,pkey) pkey_alloc pkey_free
statx(dirfd,pathname,flags,mask,statxbuf) io_pgetevents rseq(rseq,rseq_len,flags,sig)

424 pidfd_send_signal io_uring_setup io_uring_enter io_uring_register open_tree move_mount
fsopen fsconfig fsmount fspick pidfd_open(pid,flags) clone3(cl_args,size)
close_range(first,last,flags) openat2(dirfd,pathname,how,size) pidfd_getfd
faccessat2(dirfd,pathname,mode,flags) process_madvise
epoll_pwait2(epfd,events,maxevents,timeout,sigmask) mount_setattr quotactl_fd
landlock_create_ruleset landlock_add_rule landlock_restrict_self memfd_secret
process_mrelease futex_waitv(waiters,nr_futexes,flags,timeout,clockid)
set_mempolicy_home_node cachestat fchmodat2(dirfd,pathname,mode,flags) map_shadow_stack
futex_wake(uaddr,mask,nr,flags) futex_wait(uaddr,val,mask,flags,timeout,clockid)
futex_requeue statmount listmount lsm_get_self_attr lsm_set_self_attr lsm_list_modules
"""


def _calls() -> dict[int, tuple[str, tuple[str, ...]]]:
    calls = {}
    for paragraph in _TABLE.strip().split("\n\n"):
        first, *entries = paragraph.split()
        for number, entry in enumerate(entries, int(first)):
            name, *arguments = re.findall(r"\w+", entry)
            calls[number] = name, tuple(arguments)
    return calls


_CALLS = _calls()
SYSCALLS: dict[int, str] = {number: name for number, (name, _) in _CALLS.items()}
SYSCALL_ARGUMENTS: dict[str, tuple[str, ...]] = dict(_CALLS.values())
