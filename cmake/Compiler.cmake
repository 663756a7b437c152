# Language level, warnings, sanitizers and hardening, in one place.

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

include(CheckPIESupported)
check_pie_supported(LANGUAGES C)

set(FFSHM_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize=")
option(FFSHM_COVERAGE "Instrument for gcov" OFF)
option(FFSHM_TEST_POINTS "Compile FFSHM_TEST_POINT in" OFF)
option(FFSHM_FUZZ "Build the libFuzzer targets (needs clang)" OFF)
option(FFSHM_WERROR "A warning is an error" ON) # packagers with a newer compiler may turn it off

add_compile_definitions(_GNU_SOURCE)
add_compile_options(
    -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
    -Wcast-align -Wwrite-strings -Wundef -Wformat=2 -fno-common)
if(FFSHM_WERROR)
    add_compile_options(-Werror)
endif()

if(FFSHM_SANITIZE)
    add_compile_options(-fsanitize=${FFSHM_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    # What gcc knows about the range of an integer is lost in the instrumentation; the release build
    # has this warning.
    add_compile_options($<$<C_COMPILER_ID:GNU>:-Wno-format-truncation>)
    add_link_options(-fsanitize=${FFSHM_SANITIZE})
else()
    # -U first: some distributions predefine another level, and a redefinition would be a warning.
    add_compile_options(
        -fstack-protector-strong
        "$<$<CONFIG:Release,RelWithDebInfo>:SHELL:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2>")
    add_link_options(-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
endif()
if(FFSHM_COVERAGE)
    add_compile_options(--coverage)
    add_link_options(--coverage)
endif()
if(FFSHM_TEST_POINTS)
    add_compile_definitions(FFSHM_TEST_POINTS)
endif()
