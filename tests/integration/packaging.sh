#!/usr/bin/env bash
# ctest: merge release timeout=300
# The installed package serves the programs that it is for: a C11 and a C++17 program, the shared
# and the static library, by pkg-config and by find_package, from a prefix that was moved after the
# installation.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset FFSHM_DIR CFLAGS CXXFLAGS LDFLAGS

cmake --install "$FFSHM_BUILD_DIR" --prefix "$work/first" >"$work/install.log"
mv "$work/first" "$work/prefix"
prefix=$work/prefix
config=$(find "$prefix" -name ffshm.pc)
[ -n "$config" ] || { echo "ffshm.pc is not installed"; exit 1; }
export PKG_CONFIG_PATH=${config%/*}
libdir=$(pkg-config --variable=libdir ffshm)

for file in include/ffshm.h bin/ffagent bin/ffctl share/bash-completion/completions/ffctl \
    share/zsh/site-functions/_ffctl share/fish/vendor_completions.d/ffctl.fish \
    share/man/man1/ffctl.1 share/man/man5/ffagent.yaml.5 share/man/man8/ffagent.8 \
    lib/systemd/system/ffagent.service; do
    [ -e "$prefix/$file" ] || { echo "$file is not installed"; exit 1; }
done
for link in libffshm.so libffshm.so.0; do
    [ -L "$libdir/$link" ] || { echo "$link is not a link"; exit 1; }
done
[ "$(pkg-config --modversion ffshm)" = \
    "$(sed -n 's/^#define FFSHM_VERSION "\(.*\)"$/\1/p' "$prefix/include/ffshm.h")" ] ||
    { echo "the package and the header disagree about the version"; exit 1; }
if pkg-config --libs ffshm | grep -q urcu; then
    echo "a program that links the shared library is made to link liburcu itself"
    exit 1
fi

# One program in both languages: it asks a store that is not there and must get its fallback.
cat >"$work/ask.c" <<'PROGRAM'
#include <ffshm.h>
#include <stdio.h>

static struct ffshm_flag handle = FFSHM_FLAG("a-flag");

int main(void)
{
    struct ffshm *ff = ffshm_open("/nonexistent/ffshm", NULL);
    struct ffshm_context who;
    struct ffshm_detail why;
    bool by_key, by_handle;
    if (ff == NULL) {
        return 1;
    }
    ffshm_context_init(&who, NULL, "user-1");
    by_key = ffshm_bool_detail(ff, "a-flag", &who, true, &why);
    by_handle = ffshm_flag_bool(ff, &handle, &who, true);
    ffshm_close(ff);
    if (!by_key || !by_handle || why.error != FFSHM_NOT_READY) {
        printf("unexpected: %d %d %s\n", by_key, by_handle, ffshm_error_name(why.error));
        return 1;
    }
    printf("%s\n", ffshm_error_name(why.error));
    return 0;
}
PROGRAM
cp "$work/ask.c" "$work/ask.cc"

warnings=(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)
# shellcheck disable=SC2046  # pkg-config's words are words
{
    cc -std=c11 "${warnings[@]}" "$work/ask.c" $(pkg-config --cflags --libs ffshm) \
        -o "$work/c-shared"
    c++ -std=c++17 "${warnings[@]}" "$work/ask.cc" $(pkg-config --cflags --libs ffshm) \
        -o "$work/cxx-shared"
    cc -std=c11 "${warnings[@]}" "$work/ask.c" -static \
        $(pkg-config --static --cflags --libs ffshm) -o "$work/c-static"
    c++ -std=c++17 "${warnings[@]}" "$work/ask.cc" -static \
        $(pkg-config --static --cflags --libs ffshm) -o "$work/cxx-static"
}

# run PROGRAM: it must say that the store is not ready.
run() {
    local said
    said=$(LD_LIBRARY_PATH=$libdir "$1")
    [ "$said" = NOT_READY ] || { echo "${1##*/} said: $said"; exit 1; }
    echo "${1##*/} runs"
}
linked_shared() {
    readelf --dynamic "$1" | grep -q 'NEEDED.*libffshm\.so\.0'
}

for program in c-shared cxx-shared; do
    linked_shared "$work/$program" || { echo "$program does not use the shared library"; exit 1; }
    run "$work/$program"
done
for program in c-static cxx-static; do
    ! linked_shared "$work/$program" || { echo "$program is not static"; exit 1; }
    run "$work/$program"
done

mkdir "$work/package"
cat >"$work/package/CMakeLists.txt" <<'PROJECT'
cmake_minimum_required(VERSION 3.25)
project(consumer LANGUAGES C CXX)
find_package(ffshm 0.1 REQUIRED COMPONENTS static)
set(CMAKE_C_STANDARD 11)
set(CMAKE_CXX_STANDARD 17)
foreach(language c cc)
    foreach(kind ffshm static)
        add_executable(package-${language}-${kind} ../ask.${language})
        target_link_libraries(package-${language}-${kind} PRIVATE ffshm::${kind})
    endforeach()
endforeach()
PROJECT
{
    cmake -S "$work/package" -B "$work/package/build" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" &&
        cmake --build "$work/package/build"
} >"$work/package.log" 2>&1 || { cat "$work/package.log"; exit 1; }
for program in "$work"/package/build/package-*-*; do
    run "$program"
done

"$prefix/bin/ffagent" --help >/dev/null
"$prefix/bin/ffctl" --version
