# Language level, warnings, sanitizers and hardening, in one place.

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

set(FFSHM_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize=")
option(FFSHM_COVERAGE "Instrument for gcov" OFF)
option(FFSHM_TEST_POINTS "Compile FFSHM_TEST_POINT in" OFF)

add_compile_definitions(_GNU_SOURCE)
add_compile_options(
    -Wall -Wextra -Werror -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
    -Wcast-align -Wwrite-strings -Wundef -Wformat=2 -fno-common)

if(FFSHM_SANITIZE)
    add_compile_options(-fsanitize=${FFSHM_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${FFSHM_SANITIZE})
else()
    add_compile_options(-fstack-protector-strong)
    add_compile_definitions($<$<CONFIG:Release,RelWithDebInfo>:_FORTIFY_SOURCE=2>)
    add_link_options(-Wl,-z,relro -Wl,-z,now)
endif()
if(FFSHM_COVERAGE)
    add_compile_options(--coverage)
    add_link_options(--coverage)
endif()
if(FFSHM_TEST_POINTS)
    add_compile_definitions(FFSHM_TEST_POINTS)
endif()
