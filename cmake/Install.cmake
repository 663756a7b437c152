# What `cmake --install` puts where. Every file finds the others by relative paths: a tree may be
# moved, or installed under another prefix than it was configured for.

include(CMakePackageConfigHelpers)

install(FILES ${PROJECT_SOURCE_DIR}/include/ffshm.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS ffshm_shared EXPORT ffshm
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS ffshm_static EXPORT ffshm-static
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

set(ffshm_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/ffshm)
install(EXPORT ffshm NAMESPACE ffshm:: FILE ffshm-targets.cmake DESTINATION ${ffshm_package_dir})
install(EXPORT ffshm-static
    NAMESPACE ffshm:: FILE ffshm-static-targets.cmake DESTINATION ${ffshm_package_dir})
configure_package_config_file(
    ${PROJECT_SOURCE_DIR}/cmake/ffshm-config.cmake.in
    ${PROJECT_BINARY_DIR}/package/ffshm-config.cmake
    INSTALL_DESTINATION ${ffshm_package_dir})
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file(
    ${PROJECT_BINARY_DIR}/package/ffshm-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES
    ${PROJECT_BINARY_DIR}/package/ffshm-config.cmake
    ${PROJECT_BINARY_DIR}/package/ffshm-config-version.cmake
    DESTINATION ${ffshm_package_dir})

file(RELATIVE_PATH FFSHM_PC_PREFIX /p/${CMAKE_INSTALL_LIBDIR}/pkgconfig /p)
configure_file(
    ${PROJECT_SOURCE_DIR}/lib/ffshm.pc.in ${PROJECT_BINARY_DIR}/package/ffshm.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/package/ffshm.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

foreach(program ffagent ffctl)
    if(TARGET ${program})
        install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
    endif()
endforeach()

install(FILES ${PROJECT_SOURCE_DIR}/docs/man/ffctl.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${PROJECT_SOURCE_DIR}/docs/man/ffagent.yaml.5
    DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES ${PROJECT_SOURCE_DIR}/docs/man/ffagent.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
if(TARGET ffctl)
    set(completion ${PROJECT_SOURCE_DIR}/scripts/completion)
    install(FILES ${completion}/ffctl.bash
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME ffctl)
    install(FILES ${completion}/ffctl.zsh
        DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions RENAME _ffctl)
    install(FILES ${completion}/ffctl.fish
        DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()
if(TARGET ffagent)
    # The example unit, without its remark on top, with the program where this installation has it.
    install(CODE "
        file(READ \"${PROJECT_SOURCE_DIR}/examples/systemd/ffagent.service\" unit)
        string(REGEX REPLACE \"^(#[^\n]*\n)+\" \"\" unit \"\${unit}\")
        string(REPLACE /usr/local/bin/ \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/\"
            unit \"\${unit}\")
        file(WRITE \"${PROJECT_BINARY_DIR}/package/ffagent.service\" \"\${unit}\")")
    install(FILES ${PROJECT_BINARY_DIR}/package/ffagent.service DESTINATION lib/systemd/system)
    install(FILES ${PROJECT_SOURCE_DIR}/cmake/ffshm.sysusers
        DESTINATION lib/sysusers.d RENAME ffshm.conf)
endif()
