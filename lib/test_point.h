/*
 * test_point.h - numbered places in the protocols where a test can stop, delay or kill.
 *
 * Nothing at all unless the build defines FFSHM_TEST_POINTS; then a call of the hook that a test
 * program defines. The numbers are the steps in the head comments of the files that use them.
 */
#ifndef FFSHM_TEST_POINT_H
#define FFSHM_TEST_POINT_H

#ifdef FFSHM_TEST_POINTS
void ffshm_test_point(int id) __attribute__((weak));
#define FFSHM_TEST_POINT(id)                                                                       \
    do {                                                                                           \
        if (ffshm_test_point) {                                                                    \
            ffshm_test_point(id);                                                                  \
        }                                                                                          \
    } while (0)
#else
#define FFSHM_TEST_POINT(id) ((void)0)
#endif

#endif
