@echo off
rem The command line in the editor's terminals, on the editor's own runtime.
setlocal
set ELECTRON_RUN_AS_NODE=1
if not defined EPOCHTREE_RUNTIME set EPOCHTREE_RUNTIME=node
"%EPOCHTREE_RUNTIME%" "%~dp0..\..\dist\cli.js" %*
