"""NetBSD's own system calls, and what the numbers mean that its calls are given and return.

A call that Linux has, with the same arguments, is recorded as Linux's event; these have the
numbers that Linux has left free.  images/rumprun/trace_netbsd.h says which call is which event.
Source: sys/sys/syscallargs.h, fcntl.h, socket.h, mman.h, time.h, filio.h and ttycom.h of NetBSD 7.
"""

import re

__all__ = ["NETBSD_CALLS", "NETBSD_CHOICES", "NETBSD_FLAGS", "NETBSD_OPEN", "NETBSD_SOCKETS"]

FIRST, OTHER = 335, 423
# Consecutive numbers from the first.
_TABLE = """
unmount(path,flags) chflags(path,flags) fchflags(fd,flags) ktrace(fname,ops,facs,pid)
getlogin(namebuf,namelen) setlogin(namebuf) revoke(path) mkfifo(path,mode) nfssvc(flag,argp)
setegid(egid) seteuid(euid) pathconf(path,name) fpathconf(fd,name)
sysctl(name,namelen,oldv,oldlenp,newv,newlen) netbsd_reboot(opt,bootstr) modctl(cmd,arg)
ksem_init(value,idp) ksem_open(name,oflag,mode,value,idp) ksem_unlink(name) ksem_close(id)
ksem_post(id) ksem_wait(id) ksem_trywait(id) ksem_getvalue(id,value) ksem_destroy(id)
ksem_timedwait(id,abstime) posix_rename(from,to) lchmod(path,mode) posix_chown(path,uid,gid)
posix_fchown(fd,uid,gid) posix_lchown(path,uid,gid) fktrace(fd,ops,facs,pid) fchroot(fd)
lchflags(path,flags) issetugid() utrace(label,addr,len) kqueue()
fsync_range(fd,flags,start,length) getvfsstat(buf,bufsize,flags) statvfs1(path,buf,flags)
fstatvfs1(fd,buf,flags) extattrctl(path,cmd,filename,attrnamespace,attrname)
extattr_set_file(path,attrnamespace,attrname,data,nbytes)
extattr_get_file(path,attrnamespace,attrname,data,nbytes)
extattr_delete_file(path,attrnamespace,attrname)
extattr_set_fd(fd,attrnamespace,attrname,data,nbytes)
extattr_get_fd(fd,attrnamespace,attrname,data,nbytes) extattr_delete_fd(fd,attrnamespace,attrname)
extattr_set_link(path,attrnamespace,attrname,data,nbytes)
extattr_get_link(path,attrnamespace,attrname,data,nbytes)
extattr_delete_link(path,attrnamespace,attrname) extattr_list_fd(fd,attrnamespace,data,nbytes)
extattr_list_file(path,attrnamespace,data,nbytes)
extattr_list_link(path,attrnamespace,data,nbytes) getfh(fname,fhp,fh_size)
fhopen(fhp,fh_size,flags) fhstatvfs1(fhp,fh_size,buf,flags) aio_cancel(fildes,aiocbp)
aio_error(aiocbp) aio_fsync(op,aiocbp) aio_read(aiocbp) aio_return(aiocbp) aio_write(aiocbp)
lio_listio(mode,list,nent,sig) netbsd_mount(type,path,flags,data,data_len)
posix_fadvise(fd,offset,len,advice) adjtime(delta,olddelta) futimes(fd,tptr) lutimes(path,tptr)
kevent(fd,changelist,nchanges,eventlist,nevents,timeout) pselect(nd,in,ou,ex,ts,mask)
pollts(fds,nfds,ts,mask) aio_suspend(list,nent,timeout) fhstat(fhp,fh_size,sb) kqueue1(flags)
paccept(s,name,anamelen,mask,flags) mkfifoat(fd,path,mode) fstatat(fd,path,buf,flag)
futimens(fd,tptr) posix_fallocate(fd,pos,len) fdiscard(fd,pos,len)
netbsd_pipe()
"""


def _calls() -> dict[int, tuple[str, tuple[str, ...]]]:
    found = {}
    for number, entry in enumerate(_TABLE.split(), FIRST):
        name, *arguments = re.findall(r"\w+", entry)
        found[number] = name, tuple(arguments)
    return {**found, OTHER: ("netbsd_call", ("number",))}


NETBSD_CALLS = _calls()
"""Number of the event among system calls → name, names of the arguments."""

NETBSD_OPEN = {
    4: "O_NONBLOCK", 8: "O_APPEND", 0x10: "O_SHLOCK", 0x20: "O_EXLOCK", 0x40: "O_ASYNC",
    0x80: "O_SYNC", 0x100: "O_NOFOLLOW", 0x200: "O_CREAT", 0x400: "O_TRUNC", 0x800: "O_EXCL",
    0x8000: "O_NOCTTY", 0x10000: "O_DSYNC", 0x20000: "O_RSYNC", 0x80000: "O_DIRECT",
    0x200000: "O_DIRECTORY", 0x400000: "O_CLOEXEC", 0x800000: "O_SEARCH",
    0x1000000: "O_NOSIGPIPE"}
NETBSD_SOCKETS = {0x10000000: "SOCK_CLOEXEC", 0x20000000: "SOCK_NONBLOCK",
                  0x40000000: "SOCK_NOSIGPIPE"}
_AT = {0x100: "AT_EACCESS", 0x200: "AT_SYMLINK_NOFOLLOW", 0x400: "AT_SYMLINK_FOLLOW",
       0x800: "AT_REMOVEDIR"}
_MESSAGE = {1: "MSG_OOB", 2: "MSG_PEEK", 4: "MSG_DONTROUTE", 8: "MSG_EOR", 0x40: "MSG_WAITALL",
            0x80: "MSG_DONTWAIT", 0x400: "MSG_NOSIGNAL"}
_MOUNT = {1: "MNT_RDONLY", 2: "MNT_SYNCHRONOUS", 4: "MNT_NOEXEC", 8: "MNT_NOSUID",
          0x10: "MNT_NODEV", 0x20: "MNT_UNION", 0x40: "MNT_ASYNC", 0x10000: "MNT_UPDATE",
          0x80000: "MNT_FORCE"}

# By call and argument, "" for any call: one of these, or a set of bits.
NETBSD_CHOICES: dict[tuple[str, str], dict[int, str]] = {
    ("", "domain"): {0: "AF_UNSPEC", 1: "AF_LOCAL", 2: "AF_INET", 18: "AF_LINK", 24: "AF_INET6",
                     31: "AF_BLUETOOTH", 33: "AF_MPLS", 34: "AF_ROUTE"},
    ("", "clockid"): {0: "CLOCK_REALTIME", 1: "CLOCK_VIRTUAL", 2: "CLOCK_PROF",
                      3: "CLOCK_MONOTONIC", 0x40000000: "CLOCK_PROCESS_CPUTIME_ID",
                      0x80000000: "CLOCK_THREAD_CPUTIME_ID"},
    ("", "level"): {0: "IPPROTO_IP", 6: "IPPROTO_TCP", 17: "IPPROTO_UDP", 41: "IPPROTO_IPV6",
                    0xFFFF: "SOL_SOCKET"},
    ("fcntl", "cmd"): {0: "F_DUPFD", 1: "F_GETFD", 2: "F_SETFD", 3: "F_GETFL", 4: "F_SETFL",
                       5: "F_GETOWN", 6: "F_SETOWN", 7: "F_GETLK", 8: "F_SETLK", 9: "F_SETLKW",
                       10: "F_CLOSEM", 11: "F_MAXFD", 12: "F_DUPFD_CLOEXEC",
                       13: "F_GETNOSIGPIPE", 14: "F_SETNOSIGPIPE"},
    ("ioctl", "request"): {0x4004667F: "FIONREAD", 0x8004667E: "FIONBIO", 0x8004667D: "FIOASYNC",
                           0x40087468: "TIOCGWINSZ", 0x402C7413: "TIOCGETA"},
}
NETBSD_FLAGS: dict[tuple[str, str], dict[int, str]] = {
    ("mmap", "flags"): {1: "MAP_SHARED", 2: "MAP_PRIVATE", 0x10: "MAP_FIXED", 0x1000: "MAP_ANON",
                        0x2000: "MAP_STACK"},
    **{(call, "flags"): _MESSAGE for call in ("sendto", "recvfrom", "sendmsg", "recvmsg")},
    **{(call, "flags"): _AT for call in ("unlinkat", "fchownat", "linkat", "utimensat")},
    ("fstatat", "flag"): _AT, ("netbsd_mount", "flags"): _MOUNT, ("unmount", "flags"): _MOUNT,
}
