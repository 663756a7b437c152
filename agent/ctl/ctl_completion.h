/*
 * ctl_completion.h - the scripts of scripts/completion/; the build makes C of them
 * (cmake/CompletionScripts.cmake).
 */
#ifndef FFSHM_CTL_COMPLETION_H
#define FFSHM_CTL_COMPLETION_H

extern const char completion_bash[];
extern const char completion_zsh[];
extern const char completion_fish[];

#endif
