/*
 * ctype_base.h - stops programs that use C++ streams or locales.
 *
 * The compiled part of GCC's streams reads glibc's locale structures, which musl does
 * not have: it would link, and crash.  Every stream header includes this file.
 */
#error "guests have no C++ streams and locales: print with <cstdio>"
