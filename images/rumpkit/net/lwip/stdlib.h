/*
 * stdlib.h - for lwIP, which includes it: the part of it that the runtime has.
 */
#include "rumplib.h"
