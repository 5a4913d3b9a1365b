/*
 * trace_netbsd.h - which event of a trace a system call of NetBSD's is.
 *
 * A call that Linux has, with the same arguments, is the event of Linux's call; NetBSD's own
 * have events from 335 on, where Linux has left numbers free, and are named in
 * kernel_magics/trace/calls/netbsd_calls.py.  Numbers are those of NetBSD 7's <sys/syscall.h>,
 * also in the version of a call that it has now; arguments those of its <sys/syscallargs.h>.
 */
#ifndef RUMPRUN_TRACE_NETBSD_H
#define RUMPRUN_TRACE_NETBSD_H

#include <stdint.h>

#include "lab_abi.h"

/* NetBSD's number, Linux's or ours; from 1, 0 for none: which word is padding, and, not
   counting that, which argument is a path. */
#define NETBSD_CALLS(CALL) \
	CALL(3, 0, 0, 0) CALL(4, 1, 0, 0) CALL(5, 2, 0, 1) CALL(6, 3, 0, 0) CALL(9, 86, 0, 1) \
	CALL(10, 87, 0, 1) CALL(12, 80, 0, 1) CALL(13, 81, 0, 0) CALL(15, 90, 0, 1) \
	CALL(16, 92, 0, 1) CALL(20, 39, 0, 0) CALL(22, 335, 0, 1) CALL(23, 105, 0, 0) \
	CALL(24, 102, 0, 0) CALL(25, 107, 0, 0) CALL(27, 47, 0, 0) CALL(28, 46, 0, 0) \
	CALL(29, 45, 0, 0) CALL(30, 43, 0, 0) CALL(31, 52, 0, 0) CALL(32, 51, 0, 0) \
	CALL(33, 21, 0, 1) CALL(34, 336, 0, 1) CALL(35, 337, 0, 0) CALL(36, 162, 0, 0) \
	CALL(39, 110, 0, 0) CALL(41, 32, 0, 0) CALL(42, 416, 0, 0) CALL(43, 108, 0, 0) \
	CALL(45, 338, 0, 1) CALL(47, 104, 0, 0) CALL(49, 339, 0, 0) CALL(50, 340, 0, 0) \
	CALL(54, 16, 0, 0) CALL(56, 341, 0, 1) CALL(57, 88, 0, 1) CALL(58, 89, 0, 1) \
	CALL(60, 95, 0, 0) CALL(61, 161, 0, 1) CALL(73, 11, 0, 0) CALL(78, 27, 0, 0) \
	CALL(79, 115, 0, 0) CALL(80, 116, 0, 0) CALL(81, 111, 0, 0) CALL(82, 109, 0, 0) \
	CALL(90, 33, 0, 0) CALL(92, 72, 0, 0) CALL(95, 74, 0, 0) CALL(98, 42, 0, 0) \
	CALL(104, 49, 0, 0) CALL(105, 54, 0, 0) CALL(106, 50, 0, 0) CALL(118, 55, 0, 0) \
	CALL(120, 19, 0, 0) CALL(121, 20, 0, 0) CALL(123, 93, 0, 0) CALL(124, 91, 0, 0) \
	CALL(126, 113, 0, 0) CALL(127, 114, 0, 0) CALL(128, 82, 0, 1) CALL(131, 73, 0, 0) \
	CALL(132, 342, 0, 1) CALL(133, 44, 0, 0) CALL(134, 48, 0, 0) CALL(135, 53, 0, 0) \
	CALL(136, 83, 0, 1) CALL(137, 84, 0, 1) CALL(147, 112, 0, 0) CALL(155, 343, 0, 0) \
	CALL(173, 17, 4, 0) CALL(174, 18, 4, 0) CALL(181, 106, 0, 0) CALL(182, 344, 0, 0) \
	CALL(183, 345, 0, 0) CALL(191, 346, 0, 1) CALL(192, 347, 0, 0) CALL(194, 97, 0, 0) \
	CALL(195, 160, 0, 0) CALL(197, 9, 6, 0) CALL(199, 8, 2, 0) CALL(200, 76, 2, 1) \
	CALL(201, 77, 2, 0) CALL(202, 348, 0, 0) CALL(207, 121, 0, 0) CALL(208, 349, 0, 0) \
	CALL(209, 7, 0, 0) CALL(235, 222, 0, 0) CALL(236, 226, 0, 0) CALL(239, 225, 0, 0) \
	CALL(241, 75, 0, 0) CALL(246, 350, 0, 0) CALL(247, 351, 0, 0) CALL(248, 352, 0, 1) \
	CALL(249, 353, 0, 1) CALL(250, 354, 0, 0) CALL(251, 355, 0, 0) CALL(252, 356, 0, 0) \
	CALL(253, 357, 0, 0) CALL(254, 358, 0, 0) CALL(255, 359, 0, 0) CALL(256, 360, 0, 0) \
	CALL(270, 361, 0, 1) CALL(274, 362, 0, 1) CALL(275, 94, 0, 1) CALL(277, 26, 0, 0) \
	CALL(283, 363, 0, 1) CALL(284, 364, 0, 0) CALL(285, 365, 0, 1) CALL(286, 124, 0, 0) \
	CALL(288, 366, 0, 0) CALL(289, 295, 4, 0) CALL(290, 296, 4, 0) CALL(296, 79, 0, 0) \
	CALL(297, 367, 0, 0) CALL(304, 368, 0, 1) CALL(305, 369, 0, 0) CALL(306, 370, 0, 0) \
	CALL(344, 371, 0, 0) CALL(354, 372, 0, 0) CALL(356, 373, 0, 0) CALL(357, 374, 0, 1) \
	CALL(358, 375, 0, 0) CALL(360, 376, 0, 1) CALL(361, 377, 0, 1) CALL(362, 378, 0, 1) \
	CALL(363, 379, 0, 1) CALL(364, 380, 0, 0) CALL(365, 381, 0, 0) CALL(366, 382, 0, 0) \
	CALL(367, 383, 0, 1) CALL(368, 384, 0, 1) CALL(369, 385, 0, 1) CALL(370, 386, 0, 0) \
	CALL(371, 387, 0, 1) CALL(372, 388, 0, 1) CALL(375, 188, 0, 1) CALL(376, 189, 0, 1) \
	CALL(377, 190, 0, 0) CALL(378, 191, 0, 1) CALL(379, 192, 0, 1) CALL(380, 193, 0, 0) \
	CALL(381, 194, 0, 1) CALL(382, 195, 0, 1) CALL(383, 196, 0, 0) CALL(384, 197, 0, 1) \
	CALL(385, 198, 0, 1) CALL(386, 199, 0, 0) CALL(390, 78, 0, 0) CALL(394, 41, 0, 0) \
	CALL(395, 389, 0, 1) CALL(396, 390, 0, 0) CALL(397, 391, 0, 0) CALL(399, 392, 0, 0) \
	CALL(400, 393, 0, 0) CALL(401, 394, 0, 0) CALL(402, 395, 0, 0) CALL(403, 396, 0, 0) \
	CALL(405, 397, 0, 0) CALL(406, 398, 0, 0) CALL(410, 399, 0, 2) CALL(416, 400, 2, 0) \
	CALL(417, 23, 0, 0) CALL(418, 96, 0, 0) CALL(419, 164, 0, 0) CALL(420, 235, 0, 1) \
	CALL(421, 401, 0, 0) CALL(423, 402, 0, 0) CALL(424, 403, 0, 1) CALL(425, 38, 0, 0) \
	CALL(426, 36, 0, 0) CALL(427, 228, 0, 0) CALL(428, 227, 0, 0) CALL(429, 229, 0, 0) \
	CALL(430, 35, 0, 0) CALL(435, 404, 0, 0) CALL(436, 405, 0, 0) CALL(437, 406, 0, 0) \
	CALL(438, 407, 0, 0) CALL(439, 4, 0, 1) CALL(440, 5, 0, 0) CALL(441, 6, 0, 1) \
	CALL(446, 223, 0, 0) CALL(447, 224, 0, 0) CALL(450, 133, 0, 1) CALL(451, 408, 0, 0) \
	CALL(453, 293, 0, 0) CALL(454, 292, 0, 0) CALL(455, 409, 0, 0) CALL(456, 410, 0, 0) \
	CALL(457, 265, 0, 2) CALL(458, 264, 0, 2) CALL(459, 411, 0, 2) CALL(460, 259, 4, 2) \
	CALL(461, 258, 0, 2) CALL(462, 269, 0, 2) CALL(463, 268, 0, 2) CALL(464, 260, 0, 2) \
	CALL(466, 412, 0, 2) CALL(467, 280, 0, 2) CALL(468, 257, 0, 2) CALL(469, 267, 0, 2) \
	CALL(470, 266, 0, 1) CALL(471, 263, 0, 2) CALL(472, 413, 0, 0) CALL(473, 179, 0, 1) \
	CALL(475, 299, 0, 0) CALL(476, 307, 0, 0) CALL(477, 230, 0, 0) CALL(479, 414, 2, 0) \
	CALL(480, 415, 2, 0)

#define NETBSD_NUMBERS 512
#define NETBSD_OTHER 423  /* a call that is not listed; its argument is its number */
#define NETBSD_ARGUMENTS 6 /* four come with the beginning of a call, two with its end */

struct netbsd_call {
	uint16_t event;   /* 0: not listed */
	uint8_t padding, text;
};

static const struct netbsd_call netbsd_calls[NETBSD_NUMBERS] = {
#define NETBSD_ROW(number, call, padding, text) \
	[number] = { LAB_EVENT_SYSCALL + (call), padding, text },
	NETBSD_CALLS(NETBSD_ROW)
#undef NETBSD_ROW
};

static inline struct netbsd_call netbsd_call(uint64_t number)
{
	static const struct netbsd_call other = { LAB_EVENT_SYSCALL + NETBSD_OTHER, 0, 0 };

	return number < NETBSD_NUMBERS && netbsd_calls[number].event ? netbsd_calls[number] : other;
}

/* Where the argument of this number, from 0, is among the words of a call. */
static inline unsigned netbsd_word(struct netbsd_call call, unsigned argument)
{
	return argument + (call.padding && argument + 1 >= call.padding);
}

#define NETBSD_OWN_ERRORS 3900

/* By NetBSD's number of an error Linux's; one that Linux has not is its own from 3900 on. */
static const uint16_t netbsd_errors[] = {
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 35, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23,
	24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 11, 115, 114, 88, 89, 90, 91, 92, 93, 94,
	95, 96, 97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 40, 36,
	112, 113, 39, 3967, 87, 122, 116, 66, 3972, 3973, 3974, 3975, 3976, 37, 38, 3979, 3980,
	3981, 43, 42, 75, 84, 95, 125, 74, 61, 63, 60, 62, 3993, 72, 67, 71,
};

/* What a trace has for a result: as Linux's system calls, the error is negative there. */
static inline uint64_t netbsd_result(uint64_t error, uint64_t value)
{
	uint32_t number = (uint32_t)error;

	if (!number)
		return value;
	if (number < sizeof(netbsd_errors) / sizeof(netbsd_errors[0]))
		return (uint64_t)-(int64_t)netbsd_errors[number];
	return (uint64_t)-(int64_t)(NETBSD_OWN_ERRORS + 99);
}

#endif
